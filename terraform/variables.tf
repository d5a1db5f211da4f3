variable "region" {
  description = "AWS region of the whole stack."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must look like us-east-1."
  }
}

variable "name" {
  description = "Prefix of the names of everything that has no name of its own below."
  type        = string
  default     = "kinessis"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "The name must be 2 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "stream_name" {
  description = "Kinesis stream that the scenario sends to."
  type        = string
  default     = "r-d-kinesis-stream"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,128}$", var.stream_name))
    error_message = "A stream's name is 1 to 128 letters, digits, underscores, dots and hyphens."
  }
}

variable "shard_count" {
  description = "Shards of the stream: each takes 1,000 records/s and 1 MB/s. 0 means on-demand capacity."
  type        = number
  default     = 1

  validation {
    condition     = var.shard_count >= 0 && var.shard_count <= 200 && floor(var.shard_count) == var.shard_count
    error_message = "The shard count must be a whole number from 0 (on-demand) to 200."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps records, in hours."
  type        = number
  default     = 24

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "The retention must be 24 to 8760 hours."
  }
}

variable "delivery_stream_name" {
  description = "Firehose delivery stream from the Kinesis stream to Parquet."
  type        = string
  default     = "r-d-kinesis-stream-delivery"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,64}$", var.delivery_stream_name))
    error_message = "A delivery stream's name is 1 to 64 letters, digits, underscores, dots and hyphens."
  }
}

variable "buffering_size_mib" {
  description = "Firehose writes an object when it holds this much, in MiB (before compression)."
  type        = number
  default     = 64

  validation {
    condition     = var.buffering_size_mib >= 64 && var.buffering_size_mib <= 128
    error_message = "With conversion to Parquet the buffering size must be 64 to 128 MiB."
  }
}

variable "buffering_interval_seconds" {
  description = "Firehose writes an object at the latest after this time, in seconds."
  type        = number
  default     = 60

  validation {
    condition     = var.buffering_interval_seconds >= 0 && var.buffering_interval_seconds <= 900
    error_message = "The buffering interval must be 0 to 900 seconds."
  }
}

variable "bucket_name" {
  description = "S3 bucket of the lake; by default <name>-<account>-<region>."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "A bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "force_destroy" {
  description = "Let terraform destroy delete a bucket that still holds objects."
  type        = bool
  default     = false
}

variable "records_expire_days" {
  description = "Days after which records are deleted; 0 keeps them."
  type        = number
  default     = 0

  validation {
    condition     = var.records_expire_days >= 0 && floor(var.records_expire_days) == var.records_expire_days
    error_message = "The number of days must be a whole number, 0 or more."
  }
}

variable "results_expire_days" {
  description = "Days after which query results and failed records are deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.results_expire_days >= 1 && floor(var.results_expire_days) == var.results_expire_days
    error_message = "The number of days must be a whole number, 1 or more."
  }
}

variable "database_name" {
  description = "Glue database."
  type        = string
  default     = "kinessis"

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.database_name))
    error_message = "A database's name is 1 to 255 lower-case letters, digits and underscores."
  }
}

variable "table_name" {
  description = "Glue table."
  type        = string
  default     = "person"

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.table_name))
    error_message = "A table's name is 1 to 255 lower-case letters, digits and underscores."
  }
}

variable "columns" {
  description = "Columns of the table, in order: written by `kinessis schema tfvars` into columns.auto.tfvars.json."
  type        = list(object({ name = string, type = string }))

  validation {
    condition     = length(var.columns) > 0 && length(distinct([for c in var.columns : lower(c.name)])) == length(var.columns)
    error_message = "The table needs columns, and no two may have the same name once lower-cased."
  }
}

variable "projection_start" {
  description = "First hour that queries look at, yyyy/MM/dd/HH (UTC)."
  type        = string
  default     = "2021/01/01/00"

  validation {
    condition     = can(regex("^[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}$", var.projection_start))
    error_message = "The first hour must look like 2021/01/01/00."
  }
}

variable "scan_limit_bytes" {
  description = "Athena cancels a query that scans more than this, in bytes."
  type        = number
  default     = 10737418240

  validation {
    condition     = var.scan_limit_bytes >= 10485760
    error_message = "The limit must be at least 10485760 bytes (10 MiB)."
  }
}

variable "log_retention_days" {
  description = "Days that Firehose's error logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653], var.log_retention_days)
    error_message = "CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827 or 3653 days."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
