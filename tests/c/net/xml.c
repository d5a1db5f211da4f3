/* Replies as S3 and STS write them, and what outside input must not do. */
#include "net/xml.h"

#include "tap.h"

static void refused(kn_slice text, const char *fragment, const char *what) {
    kn_xml *xml;
    kn_err err;
    if (!tap_ok(!kn_xml_parse(text, &xml, &err), "refused: %s", what)) {
        kn_xml_destroy(xml);
        return;
    }
    tap_ok(strstr(err.message, fragment) != NULL && err.code == KN_EPARSE, "says why: %s",
           err.message);
}

static void replies(void) {
    kn_xml *xml;
    kn_err err;
    kn_slice text = KN_SLICE(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<s:ListBucketResult xmlns:s=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
        "  <s:Name>b</s:Name><Contents a=\"1\"><Key>a&amp;b &#x41;<![CDATA[<c>]]></Key></Contents>"
        "<Contents><Key/></Contents></s:ListBucketResult>");
    if (!tap_ok(kn_xml_parse(text, &xml, &err), "a listing"))
        return;
    const kn_xml_element *root = kn_xml_root(xml);
    tap_is_str(root->name, "ListBucketResult", "names come without prefix");
    tap_is_str(kn_xml_text(root, "Name"), "b", "text of a child");
    const kn_xml_element *first = kn_xml_child(root, "Contents");
    tap_is_str(kn_xml_text(first, "Key"), "a&b A<c>", "references and sections are text");
    tap_is_str(kn_xml_text(first->next, "Key"), "", "an empty element");
    tap_ok(first->next->next == NULL, "no more children");
    tap_ok(!kn_xml_child(root, "None") && !kn_xml_text(root, "None") && !kn_xml_child(NULL, "x"),
           "what is absent is NULL");
    kn_xml_destroy(xml);
}

static void attacks(void) {
    refused(KN_SLICE(""), "no element", "nothing");
    refused(KN_SLICE("<a><b></a>"), "mismatched", "a wrong end");
    refused(KN_SLICE("<a/><b/>"), "junk", "two roots");
    refused(KN_SLICE("<!DOCTYPE a [<!ENTITY x \"y\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>"),
            "document type", "entities of its own");
    refused(KN_SLICE("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), "document type",
            "a document type elsewhere");
    kn_buf deep;
    kn_buf_init(&deep, 1 << 20);
    for (int i = 0; i < 40; i++)
        kn_buf_cstr(&deep, "<a>");
    refused(kn_buf_view(&deep), "too deeply", "endless nesting");
    kn_buf_clear(&deep);
    for (int i = 0; i < 32; i++)
        kn_buf_cstr(&deep, "<a>");
    for (int i = 0; i < 32; i++)
        kn_buf_cstr(&deep, "</a>");
    kn_xml *xml;
    kn_err err;
    if (tap_ok(kn_xml_parse(kn_buf_view(&deep), &xml, &err), "32 levels are fine"))
        kn_xml_destroy(xml);
    kn_buf_clear(&deep);
    kn_xml_escape(&deep, KN_SLICE("<a b=\"&\">\r\n\x01"));
    tap_is_str(deep.p, "&lt;a b=&quot;&amp;&quot;&gt;&#xD;\n&#x1;", "escaped");
    kn_buf_clear(&deep);
    kn_xml_escape(&deep, KN_SLICE("\xc3\xa9 \xff \xc3"));
    tap_is_str(deep.p, "\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd", "letters stay, other bytes do not");
    kn_buf_free(&deep);
}

int main(void) {
    replies();
    attacks();
    return tap_done();
}
