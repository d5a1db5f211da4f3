resource "aws_kinesis_stream" "this" {
  name             = var.stream_name
  shard_count      = var.shard_count == 0 ? null : var.shard_count
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn

  stream_mode_details {
    stream_mode = var.shard_count == 0 ? "ON_DEMAND" : "PROVISIONED"
  }
}
