/* The catalog's operations, called as the router calls them: what comes back is what was sent. */
#include "lake/glue/glue.h"
#include "base/file.h"
#include "lake/service.h"
#include "tap.h"

#include <unistd.h>

static kn_lake *lake;

/* Calls an operation with a JSON text (single quotes for double); gives the reply as compact JSON
 * with sorted keys, or "!Code". */
static const char *call(const char *name, const char *text) {
    static char out[8192];
    char json[4096];
    kn_err err = {0};
    snprintf(json, sizeof json, "%s", text);
    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *input = json_loads(json, 0, NULL);
    kn_op_call c = {.lake = lake, .input = input};
    bool ok = false;
    for (const kn_op *op = kn_glue_service.ops; op->name; op++) {
        if (strcmp(op->name, name) == 0)
            ok = op->run(&c, &err);
    }
    if (ok && c.output) {
        char *reply = json_dumps(c.output, JSON_COMPACT | JSON_SORT_KEYS);
        snprintf(out, sizeof out, "%s", reply ? reply : "");
        free(reply);
    } else {
        snprintf(out, sizeof out, "%s%s", ok ? "" : "!", ok ? "" : err.aws_code);
    }
    json_decref(c.output);
    json_decref(input);
    return out;
}

static void check_documents(void) {
    json_t *table = NULL;
    kn_err err = {0};
    tap_is_str(call("CreateTable", "{'DatabaseName': 'd', 'TableInput': {'Name': 't'}}"),
               "!EntityNotFoundException", "a table in no database");
    tap_is_str(call("CreateDatabase", "{'DatabaseInput': {'Name': 'D'}}"), "", "a database");
    tap_is_str(
        call("CreateTable",
             "{'DatabaseName': 'd', 'TableInput': {'Name': 'T', 'Owner': 'me', 'Later': [1], "
             "'PartitionKeys': [{'Name': 'y', 'Type': 'int'}, {'Name': 's', 'Type': "
             "'string'}]}}"),
        "", "a table");
    bool ok = kn_glue_get_table(lake, "D", "t", &table, &err);
    tap_ok(ok && json_array_size(json_object_get(table, "Later")) == 1,
           "a member that nobody knows is kept");
    json_decref(table);
    tap_ok(!kn_glue_get_table(lake, "d", "u", &table, &err) &&
               strcmp(err.message, "Table u not found.") == 0,
           "an unknown table");
    tap_ok(!kn_glue_get_table(lake, "x", "u", &table, &err) &&
               strcmp(err.message, "Database x not found.") == 0,
           "an unknown database");
}

static void check_partitions(void) {
#define IN "'DatabaseName': 'd', 'TableName': 't'"
    tap_is_str(
        call("BatchCreatePartition",
             "{" IN ", 'PartitionInputList': [{'Values': ['2021', 'a']}, {'Values': ['2022', "
             "'b']}, {'Values': ['x', 'a']}, {'Values': ['1']}]}"),
        "{\"Errors\":[{\"ErrorDetail\":{\"ErrorCode\":\"InvalidInputException\","
        "\"ErrorMessage\":\"The number of partition keys do not match the number of partition "
        "values: table t has 2, 1 were given\"},\"PartitionValues\":[\"1\"]}]}",
        "partitions, and the one that is wrong");
    static const struct {
        const char *expression, *found; /* the first values */
    } cases[] = {
        {"y = 2021", "2021"},
        {"y >= 2021 AND s <> 'b'", "2021"},
        {"s = 'a'", "2021 x"},
        {"y in (2021, 2022)", "2021 2022"},
        {"y BETWEEN 2022 AND 2030 OR s = 'z'", "2022"},
        {"", "2021 2022 x"},
        {"y > 3000", ""},
        {"nope = 1", "!InvalidInputException"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char found[256] = "";
        kn_err err = {0};
        json_t *input = json_pack("{s:s, s:s, s:s}", "DatabaseName", "d", "TableName", "t",
                                  "Expression", cases[i].expression);
        kn_op_call c = {.lake = lake, .input = input};
        bool ok = false;
        size_t k;
        json_t *doc;
        for (const kn_op *op = kn_glue_service.ops; op->name; op++) {
            if (strcmp(op->name, "GetPartitions") == 0)
                ok = op->run(&c, &err);
        }
        json_array_foreach(json_object_get(c.output, "Partitions"), k, doc) {
            const char *value =
                json_string_value(json_array_get(json_object_get(doc, "Values"), 0));
            size_t n = strlen(found);
            snprintf(found + n, sizeof found - n, "%s%s", n ? " " : "", value);
        }
        if (!ok)
            snprintf(found, sizeof found, "!%s", err.aws_code);
        tap_is_str(found, cases[i].found, "partitions with '%s'", cases[i].expression);
        json_decref(c.output);
        json_decref(input);
    }
    tap_is_str(call("UpdatePartition",
                    "{" IN ", 'PartitionValueList': ['x', 'a'], 'PartitionInput': "
                    "{'Values': ['2023', 'c']}}"),
               "", "a partition takes other values");
    tap_is_str(call("GetPartition", "{" IN ", 'PartitionValues': ['x', 'a']}"),
               "!EntityNotFoundException", "the old ones are gone");
    tap_is_str(call("UpdatePartition", "{" IN ", 'PartitionValueList': ['2023', 'c'], "
                                       "'PartitionInput': {'Values': ['1']}}"),
               "!InvalidInputException", "too few values");
    tap_ok(strstr(call("GetPartition", "{" IN ", 'PartitionValues': ['2023', 'c']}"), "\"2023\""),
           "and nothing has changed then");
    tap_is_str(call("DeleteTable", "{'DatabaseName': 'd', 'Name': 't'}"), "", "the table goes");
    tap_is_str(call("CreateTable",
                    "{'DatabaseName': 'd', 'TableInput': {'Name': 't', "
                    "'PartitionKeys': [{'Name': 'y', 'Type': 'int'}]}}"),
               "", "and comes again");
    tap_is_str(call("GetPartitions", "{" IN "}"), "{\"Partitions\":[]}", "without its partitions");
}

int main(void) {
    char folder[] = "/tmp/kinessis-glue-XXXXXX";
    kn_err err = {0};
    if (!mkdtemp(folder))
        return 1;
    kn_lake_config config = {.folder = folder};
    bool ok = kn_lake_open(&config, &lake, &err);
    if (tap_ok(ok, "a lake opens%s%s", ok ? "" : ": ", err.message)) {
        check_documents();
        check_partitions();
        kn_lake_close(lake);
    }
    ok = kn_file_remove_tree(folder, &err);
    return tap_done() || !ok;
}
