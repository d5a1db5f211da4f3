/* Trino's functions of dates inside DuckDB. */
#include "lake/sql/sql.h"
#include "tap.h"

#define T "timestamp '2022-02-03 04:05:06.789'"

int main(void) {
    static const char *const cases[][2] = {
        {"date_format(" T ", '%Y-%m-%d %H:%i:%s')", "2022-02-03 04:05:06"},
        {"date_format(" T ", '%a %W %b %M %c %e %k %l %p %j %y %f %T %r 100%%')",
         "Thu Thursday Feb February 2 3 4 4 AM 034 22 789000 04:05:06 04:05:06 AM 100%"},
        {"date_format(timestamptz '2022-02-03 00:30:00+01', '%d %h%p')", "02 11PM"},
        {"date_format(date '2022-02-03', '%Y')", "2022"},
        {"date_format(NULL::timestamp, '%Y')", NULL},
        {"date_format(" T ", '%U')", "!%U not supported in date format string"},
        {"date_parse('2022-02-03 04:05:06', '%Y-%m-%d %H:%i:%s')", "2022-02-03 04:05:06.000"},
        {"date_parse('3 feb 22 11:07 pm', '%e %b %y %h:%i %p')", "2022-02-03 23:07:00.000"},
        {"date_parse('2022-02-03 04:05:06.5', '%Y-%m-%d %T.%f')", "2022-02-03 04:05:06.500"},
        {"date_parse('12 AM', '%h %p')", "1970-01-01 00:00:00.000"},
        {"date_parse('2022-02-30', '%Y-%m-%d')",
         "!Invalid format: \"2022-02-30\" does not match \"%Y-%m-%d\""},
        {"date_parse('2022-02-03x', '%Y-%m-%d')",
         "!Invalid format: \"2022-02-03x\" does not match \"%Y-%m-%d\""},
        {"format_datetime(" T ", 'yyyy-MM-dd''T''HH:mm:ss.SSS EEE')",
         "2022-02-03T04:05:06.789 Thu"},
        {"parse_datetime('2022/02/03 04', 'yyyy/MM/dd HH')", "2022-02-03 04:00:00.000 UTC"},
        {"parse_datetime('x', 'QQ')", "!Illegal pattern component: Q"},
        {"kn_date_add('day', 1, date '2022-02-28')", "2022-03-01"},
        {"kn_date_add('month', 1, date '2022-01-31')", "2022-02-28"},
        {"kn_date_add('month', -13, date '2022-01-31')", "2020-12-31"},
        {"kn_date_add('year', 2, date '2020-02-29')", "2022-02-28"},
        {"kn_date_add('month', 11, date '2022-01-05')", "2022-12-05"},
        {"kn_date_add('hour', -5, " T ")", "2022-02-02 23:05:06.789"},
        {"kn_date_add('millisecond', 1500, timestamp '1969-12-31 23:59:59')",
         "1970-01-01 00:00:00.500"},
        {"kn_date_add('moon', 1, " T ")", "!'moon' is not a valid unit of time"},
        {"kn_date_add('year', 99999999, " T ")", "!the date is out of range"},
        {"kn_date_add('year', 120000, timestamp '290000-01-01 00:00:00')",
         "!the date is out of range"},
        {"kn_date_add('day', 1, date '5881580-07-10')", "!the date is out of range"},
        {"kn_date_add('month', -24229, date '2020-01-31')::VARCHAR", "0001-12-31 (BC)"},
        {"kn_date_add('month', -24241, date '2020-02-15')::VARCHAR", "0001-01-15 (BC)"},
        {"TIMESTAMP_S 'infinity'", "infinity"},
        {"TIMESTAMP_S '-infinity'", "-infinity"},
    };
    kn_sql *sql = NULL;
    kn_sql_connection *connection = NULL;
    kn_err err = {0};
    bool ok = kn_sql_open(NULL, &sql, &err) && kn_sql_connect(sql, &connection, &err) &&
              kn_sql_date_functions(connection, &err);
    tap_ok(ok, "the functions are taken%s%s", ok ? "" : ": ", err.message);
    for (size_t i = 0; ok && i < sizeof cases / sizeof *cases; i++) {
        kn_sql_result *result = NULL;
        kn_buf text;
        char query[512];
        bool row = false;
        kn_buf_init(&text, 4096);
        /* Over a table, so that nothing is folded into a constant. */
        snprintf(query, sizeof query, "SELECT %s FROM range(3000)", cases[i][0]);
        bool null = false,
             good = kn_sql_run(connection, query, &result, &err) && kn_sql_next(result, &row, &err);
        if (good)
            null = !kn_sql_render(result, 0, &text);
        else
            kn_buf_printf(&text, "!%s", strstr(err.message, ": ") + 2);
        tap_is_str(null ? NULL : text.p, cases[i][1], "case %zu", i);
        kn_sql_result_free(result);
        kn_buf_free(&text);
    }
    kn_sql_disconnect(connection);
    kn_sql_close(sql);
    return tap_done();
}
