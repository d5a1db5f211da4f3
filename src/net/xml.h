/* XML replies (S3, STS) and bodies as a small tree: elements, their text, their children. Namespace
 * prefixes are dropped, attributes are not kept: no AWS message means anything by them.
 *
 * Outside input: a document type is refused (so there are no entities to expand), and size, depth
 * and number of elements are bounded. */
#ifndef KN_NET_XML_H
#define KN_NET_XML_H

#include "base/buf.h"

typedef struct kn_xml_element {
    const char *name;
    kn_slice text;                   /* all character data directly in it; NUL-terminated */
    struct kn_xml_element *children; /* in order */
    struct kn_xml_element *next;     /* sibling */
    struct kn_xml_element *last;     /* of the children */
} kn_xml_element;

typedef struct kn_xml kn_xml;

KN_MUST_CHECK bool kn_xml_parse(kn_slice text, kn_xml **out, kn_err *err);
void kn_xml_destroy(kn_xml *xml);

const kn_xml_element *kn_xml_root(const kn_xml *xml);
/* The first child of this name, or NULL (also when element is NULL). */
const kn_xml_element *kn_xml_child(const kn_xml_element *element, const char *name);
/* Its text, or NULL when there is no such child. */
const char *kn_xml_text(const kn_xml_element *element, const char *name);

/* Appends text with & < > " and control characters escaped. Invalid UTF-8 becomes U+FFFD. */
void kn_xml_escape(kn_buf *out, kn_slice text);

#endif
