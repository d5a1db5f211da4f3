provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ Project = var.name, ManagedBy = "terraform" }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id  = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account_id}-${var.region}")

  # Firehose writes records below records/<table>/yyyy/MM/dd/HH/ and what it could not convert below errors/, outside
  # the table's location, so that Athena never reads errors as data.
  table_prefix  = "records/${var.table_name}/"
  errors_prefix = "errors/${var.table_name}/"
}
