/* Civil dates and the formats. */
#include "base/time.h"
#include "tap.h"

int main(void) {
    char text[32];
    int64_t ms;
    kn_time_amz(text, 1440938160000);
    tap_is_str(text, "20150830T123600Z", "amz");
    kn_time_http(text, 784111777000);
    tap_is_str(text, "Sun, 06 Nov 1994 08:49:37 GMT", "http");
    kn_time_iso(text, 1643815027123, true, true);
    tap_is_str(text, "2022-02-02T15:17:07.123Z", "iso");
    kn_time_iso(text, -1, true, false);
    tap_is_str(text, "1969-12-31T23:59:59.999", "before the epoch");
    tap_ok(kn_time_parse_http(KN_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), &ms) && ms == 784111777000,
           "reads http");
    static const char *const not_http[] = {"",
                                           "Sun, 06 Nov 1994 08:49:37 UTC",
                                           "Sun, 06 Nix 1994 08:49:37 GMT",
                                           "Sun, 31 Feb 1994 08:49:37 GMT",
                                           "Sunday, 06-Nov-94 08:49:37 GMT",
                                           "Sun, 06-Nov-1994 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof not_http / sizeof *not_http; i++)
        tap_ok(!kn_time_parse_http(kn_slice_cstr(not_http[i]), &ms), "refuses '%s'", not_http[i]);
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01", 0},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2022-02-02 15:17:07.1234567", 1643815027123},
        {"2022-02-02T16:17:07+01:00", 1643815027000},
        {"2022-02-02T15:17:07-0000", 1643815027000},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tap_ok(kn_time_parse_iso(kn_slice_cstr(good[i].text), &ms), "reads %s", good[i].text);
        tap_is_int(ms, good[i].ms, "... as %lld", (long long)good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "2022",
                                      "2022-02-30",
                                      "2022-13-01",
                                      "2022-02-02T",
                                      "2022-02-02T25:00:00",
                                      "2022-02-02T15:17:07x",
                                      "2022-02-02T15:17:07.",
                                      "2022-02-02T15:17:07+1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!kn_time_parse_iso(kn_slice_cstr(bad[i]), &ms), "refuses '%s'", bad[i]);
    bool same = true;
    for (int64_t day = -800000; day < 3000000; day += 13) {
        kn_civil c = kn_civil_from_ms(day * 86400000);
        same = same && kn_civil_to_ms(&c) == day * 86400000;
    }
    tap_ok(same, "civil dates go there and back");
    return tap_done();
}
