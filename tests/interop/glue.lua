-- The Glue bindings against the server at the URL given.
local url = ...
local tap = dofile "tests/lua/tap.lua"
local glue = require("kinessis").aws.glue { endpoint = url }
local database, name = "bindings", "person"

local function input(location)
  return {
    Name = name,
    TableType = "EXTERNAL_TABLE",
    Parameters = { classification = "parquet" },
    PartitionKeys = { { Name = "year", Type = "string" } },
    StorageDescriptor = {
      Columns = { { Name = "uuid", Type = "string" }, { Name = "phone", Type = "bigint" } },
      Location = location,
      SerdeInfo = { SerializationLibrary = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe" },
    },
  }
end

local nothing, err = glue:get_database { Name = database }
tap.ok(nothing == nil and err.aws_code == "EntityNotFoundException", "no database yet")
tap.ok(glue:create_database { DatabaseInput = { Name = database } }, "create_database")
tap.is(assert(glue:get_database { Name = database }).Database.Name, database, "get_database")
tap.is(#assert(glue:collect("get_databases", {}, "DatabaseList")), 1, "get_databases")
nothing, err = glue:create_database { DatabaseInput = { Name = database } }
tap.ok(nothing == nil and err.aws_code == "AlreadyExistsException", "it exists already")

tap.ok(glue:create_table { DatabaseName = database, TableInput = input "s3://b/one/" }, "create_table")
local found = assert(glue:get_table { DatabaseName = database, Name = name }).Table
tap.is(found.StorageDescriptor.Columns[2].Type, "bigint", "get_table: the columns in order")
tap.is(found.Parameters.classification, "parquet", "the parameters")
tap.ok(glue:update_table { DatabaseName = database, TableInput = input "s3://b/two/" }, "update_table")
found = assert(glue:get_table { DatabaseName = database, Name = name }).Table
tap.is(found.StorageDescriptor.Location, "s3://b/two/", "it is updated")
tap.is(#assert(glue:collect("get_tables", { DatabaseName = database }, "TableList")), 1, "get_tables")

local function partition(year)
  return { Values = { year }, StorageDescriptor = { Location = "s3://b/two/" .. year, Columns = {} } }
end
tap.ok(glue:create_partition { DatabaseName = database, TableName = name, PartitionInput = partition "2021" },
  "create_partition, with an empty list of columns")
local batch = assert(glue:batch_create_partition {
  DatabaseName = database, TableName = name,
  PartitionInputList = { partition "2021", partition "2022", partition "2023" },
})
tap.is(#batch.Errors, 1, "batch_create_partition: one existed")
tap.is(batch.Errors[1].ErrorDetail.ErrorCode, "AlreadyExistsException", "and is told")
local partitions = assert(glue:collect("get_partitions", { DatabaseName = database, TableName = name }, "Partitions"))
tap.is(#partitions, 3, "get_partitions")
tap.is(assert(glue:get_partition {
  DatabaseName = database, TableName = name, PartitionValues = { "2022" },
}).Partition.StorageDescriptor.Location, "s3://b/two/2022", "get_partition")
tap.ok(glue:delete_partition { DatabaseName = database, TableName = name, PartitionValues = { "2022" } },
  "delete_partition")
tap.ok(glue:delete_table { DatabaseName = database, Name = name }, "delete_table")
nothing, err = glue:get_table { DatabaseName = database, Name = name }
tap.ok(nothing == nil and err.aws_code == "EntityNotFoundException", "the table is gone")
tap.ok(glue:delete_database { Name = database }, "delete_database")
tap.done()
