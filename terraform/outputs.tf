output "stream_name" {
  description = "Kinesis stream to send to."
  value       = aws_kinesis_stream.this.name
}

output "delivery_stream_name" {
  description = "Firehose delivery stream."
  value       = aws_kinesis_firehose_delivery_stream.this.name
}

output "bucket" {
  description = "Bucket of records, errors and query results."
  value       = aws_s3_bucket.this.id
}

output "database" {
  description = "Glue database."
  value       = aws_glue_catalog_database.this.name
}

output "table" {
  description = "Glue table."
  value       = aws_glue_catalog_table.this.name
}

output "workgroup" {
  description = "Athena workgroup: kinessis query --workgroup."
  value       = aws_athena_workgroup.this.name
}

output "producer_policy_arn" {
  description = "Policy to attach to whoever runs the scenario."
  value       = aws_iam_policy.producer.arn
}
