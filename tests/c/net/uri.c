/* Encoding as SigV4 wants it, and the URLs that are refused. */
#include "net/uri.h"

#include "tap.h"

static void text(void) {
    kn_buf b;
    kn_buf_init(&b, 256);
    kn_uri_encode(&b, KN_SLICE("a/b c+~é*"), true);
    tap_is_str(b.p, "a/b%20c%2B~%C3%A9%2A", "a path");
    kn_buf_clear(&b);
    kn_uri_encode(&b, KN_SLICE("a/b"), false);
    tap_is_str(b.p, "a%2Fb", "a parameter");
    kn_buf_clear(&b);
    kn_uri_decode(&b, KN_SLICE("%2f%C3%a9+%%zz%4"));
    tap_is_str(b.p, "/é+%%zz%4", "decoded; what is no escape stays");
    kn_buf_free(&b);
}

static void urls(void) {
    kn_uri u;
    kn_err err;
    tap_ok(kn_uri_parse("http://[::1]:4566/a/b?x=1&y#z", &u, &err), "a URL");
    tap_ok(kn_slice_eq_cstr(u.scheme, "http") && kn_slice_eq_cstr(u.authority, "[::1]:4566") &&
               kn_slice_eq_cstr(u.host, "::1") && kn_slice_eq_cstr(u.path, "/a/b") &&
               kn_slice_eq_cstr(u.query, "x=1&y"),
           "its parts");
    tap_ok(kn_uri_is_loopback(&u), "::1 is this machine");
    static const struct {
        const char *url;
        bool local;
    } hosts[] = {
        {"http://localhost", true},           {"http://bucket.LOCALHOST:1", true},
        {"https://127.8.9.1/", true},         {"https://notlocalhost", false},
        {"https://localhost.example", false}, {"https://s3.amazonaws.com", false},
        {"http://127.0.0.1.example", false},
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        tap_ok(kn_uri_parse(hosts[i].url, &u, &err) && kn_uri_is_loopback(&u) == hosts[i].local,
               "%s is %s", hosts[i].url, hosts[i].local ? "local" : "elsewhere");
    static const struct {
        const char *url;
        bool link;
    } links[] = {
        {"http://169.254.169.254/latest", true}, {"http://[fd00:ec2::254]/", true},
        {"http://[FE80::1]:80/", true},          {"http://[fd01::1]/", false},
        {"http://fe8.example/", false},          {"http://1.169.254.9/", false},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        tap_ok(kn_uri_parse(links[i].url, &u, &err) && kn_uri_is_link_local(&u) == links[i].link,
               "%s is %s", links[i].url, links[i].link ? "next door" : "elsewhere");
    static const char *const bad[] = {"",          "x",         "ftp://x",     "http://",
                                      "http:///a", "http://:1", "http://a b/", "http://u:p@h/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!kn_uri_parse(bad[i], &u, &err), "refused: '%s'", bad[i]);
    tap_ok(!strstr(err.message, "u:p"), "a password is not shown");
}

int main(void) {
    text();
    urls();
    return tap_done();
}
