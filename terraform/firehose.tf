resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = var.delivery_stream_name
  destination = "extended_s3"
  depends_on  = [aws_iam_role_policy.firehose]

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.this.arn
    role_arn           = aws_iam_role.firehose.arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.firehose.arn
    bucket_arn          = aws_s3_bucket.this.arn
    kms_key_arn         = aws_kms_key.this.arn
    prefix              = "${local.table_prefix}!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "${local.errors_prefix}!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
    buffering_size      = var.buffering_size_mib
    buffering_interval  = var.buffering_interval_seconds
    compression_format  = "UNCOMPRESSED" # Parquet compresses its pages itself

    data_format_conversion_configuration {
      input_format_configuration {
        deserializer {
          open_x_json_ser_de {}
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {
            compression = "SNAPPY"
          }
        }
      }

      schema_configuration {
        region        = var.region
        role_arn      = aws_iam_role.firehose.arn
        database_name = aws_glue_catalog_database.this.name
        table_name    = aws_glue_catalog_table.this.name
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose.name
      log_stream_name = aws_cloudwatch_log_stream.delivery.name
    }
  }
}
