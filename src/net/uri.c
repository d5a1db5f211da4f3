/* See uri.h. */
#include "net/uri.h"

#include <strings.h>

static bool is_unreserved(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void kn_uri_encode(kn_buf *out, kn_slice bytes, bool keep_slash) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (is_unreserved(c) || (c == '/' && keep_slash))
            kn_buf_char(out, (char)c);
        else
            kn_buf_append(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void kn_uri_decode(kn_buf *out, kn_slice text) {
    for (size_t i = 0; i < text.n; i++) {
        int high = text.p[i] == '%' && i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;
        if (low >= 0) {
            kn_buf_char(out, (char)(high * 16 + low));
            i += 2;
        } else {
            kn_buf_char(out, text.p[i]);
        }
    }
}

static kn_slice upto(kn_slice *rest, const char *stops) {
    size_t n = 0;
    while (n < rest->n && !strchr(stops, rest->p[n]))
        n++;
    kn_slice part = {rest->p, n};
    rest->p += n;
    rest->n -= n;
    return part;
}

bool kn_uri_parse(const char *url, kn_uri *out, kn_err *err) {
    *out = (kn_uri){0};
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return kn_fail(err, KN_EINVAL, "the URL holds a space or a control character");
    const char *colon = strstr(url, "://");
    size_t n = colon ? (size_t)(colon - url) : 0;
    if (!((n == 4 && strncasecmp(url, "http", 4) == 0) ||
          (n == 5 && strncasecmp(url, "https", 5) == 0)))
        return kn_fail(err, KN_EINVAL,
                       "'%.200s' is not a URL: it starts with neither http:// nor "
                       "https://",
                       url);
    out->scheme = (kn_slice){url, n};
    kn_slice rest = kn_slice_cstr(colon + 3);
    out->authority = upto(&rest, "/?#");
    out->path = upto(&rest, "?#");
    if (rest.n && rest.p[0] == '?') {
        rest.p++;
        rest.n--;
        out->query = upto(&rest, "#");
    }
    if (memchr(out->authority.p, '@', out->authority.n))
        return kn_fail(err, KN_EINVAL, "a URL with a user name in it is refused");
    kn_slice host = out->authority;
    if (host.n && host.p[0] == '[') {
        host = (kn_slice){host.p + 1, host.n - 1};
        out->host = upto(&host, "]");
    } else {
        out->host = upto(&host, ":");
    }
    if (out->host.n == 0)
        return kn_fail(err, KN_EINVAL, "'%.200s' names no host", url);
    return true;
}

bool kn_uri_is_loopback(const kn_uri *uri) {
    static const char local[] = "localhost";
    kn_slice h = uri->host;
    size_t address = 0; /* of what an IPv4 address is written with: 127.evil.com is a name */
    while (address < h.n && (h.p[address] == '.' || (h.p[address] >= '0' && h.p[address] <= '9')))
        address++;
    if (kn_slice_eq_cstr(h, "::1") || (address == h.n && kn_slice_starts(h, KN_SLICE("127."))))
        return true;
    size_t n = sizeof local - 1;
    if (h.n < n || strncasecmp(h.p + h.n - n, local, n) != 0)
        return false;
    return h.n == n || h.p[h.n - n - 1] == '.';
}

bool kn_uri_is_link_local(const kn_uri *uri) {
    static const char *const beginnings[] = {"169.254.", "fe8", "fe9", "fea", "feb", "fd00:ec2:"};
    bool six = memchr(uri->host.p, ':', uri->host.n) != NULL;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t n = strlen(beginnings[i]);
        if ((i == 0 || six) && uri->host.n > n && strncasecmp(uri->host.p, beginnings[i], n) == 0)
            return true;
    }
    return false;
}
