/* See xml.h. */
#include "net/xml.h"

#include "base/json.h"

#include <expat.h>
#include <stdlib.h>

enum { SIZE_MAX_BYTES = 64 << 20, DEPTH_MAX = 32, ELEMENTS_MAX = 1000000 };

/* Elements and their text are allocated one by one and chained, to be freed together. */
typedef struct block {
    struct block *next;
    kn_xml_element element;
    kn_buf text;
    char name[];
} block;

struct kn_xml {
    block *blocks;
    kn_xml_element *root;
};

typedef struct reader {
    kn_xml *xml;
    XML_Parser parser;
    block *open[DEPTH_MAX];
    size_t depth, count;
    const char *refused; /* why the reader itself stopped */
} reader;

static void stop(reader *r, const char *why) {
    r->refused = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_start(void *user, const char *name, const char **attributes) {
    (void)attributes;
    reader *r = user;
    if (r->refused)
        return;
    if (r->depth == DEPTH_MAX || r->count++ == ELEMENTS_MAX) {
        stop(r, r->depth == DEPTH_MAX ? "elements nested too deeply" : "too many elements");
        return;
    }
    const char *colon = strrchr(name, ':');
    if (colon)
        name = colon + 1;
    size_t n = strlen(name) + 1;
    block *b = calloc(1, sizeof *b + n);
    if (!b) {
        stop(r, "out of memory");
        return;
    }
    memcpy(b->name, name, n);
    b->element.name = b->name;
    kn_buf_init(&b->text, SIZE_MAX_BYTES);
    b->next = r->xml->blocks;
    r->xml->blocks = b;
    if (r->depth == 0) {
        r->xml->root = &b->element;
    } else {
        kn_xml_element *parent = &r->open[r->depth - 1]->element;
        if (parent->last)
            parent->last->next = &b->element;
        else
            parent->children = &b->element;
        parent->last = &b->element;
    }
    r->open[r->depth++] = b;
}

static void XMLCALL on_end(void *user, const char *name) {
    (void)name;
    reader *r = user;
    if (r->refused) /* expat still tells the end of the empty element that was refused */
        return;
    block *b = r->open[--r->depth];
    b->element.text = kn_buf_view(&b->text);
}

static void XMLCALL on_text(void *user, const char *p, int n) {
    reader *r = user;
    if (r->depth == 0)
        return;
    kn_buf *text = &r->open[r->depth - 1]->text;
    kn_buf_append(text, p, (size_t)n);
    if (!kn_buf_ok(text))
        stop(r, "out of memory");
}

static void XMLCALL on_doctype(void *user, const char *name, const char *system, const char *public,
                               int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(user, "a document type is refused");
}

bool kn_xml_parse(kn_slice text, kn_xml **out, kn_err *err) {
    if (text.n > SIZE_MAX_BYTES)
        return kn_fail(err, KN_ELIMIT, "XML of more than %d bytes", SIZE_MAX_BYTES);
    reader r = {.xml = calloc(1, sizeof *r.xml), .parser = XML_ParserCreate(NULL)};
    bool ok = r.xml && r.parser;
    if (!ok) {
        kn_fail(err, KN_ENOMEM, "out of memory for XML");
        goto out;
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    ok = XML_Parse(r.parser, text.p, (int)text.n, 1) == XML_STATUS_OK;
    if (!ok)
        kn_fail(err, KN_EPARSE, "malformed XML, line %lu: %s",
                (unsigned long)XML_GetCurrentLineNumber(r.parser),
                r.refused ? r.refused : XML_ErrorString(XML_GetErrorCode(r.parser)));
out:
    if (r.parser)
        XML_ParserFree(r.parser);
    if (ok)
        *out = r.xml;
    else
        kn_xml_destroy(r.xml);
    return ok;
}

void kn_xml_destroy(kn_xml *xml) {
    if (!xml)
        return;
    for (block *b = xml->blocks, *next; b; b = next) {
        next = b->next;
        kn_buf_free(&b->text);
        free(b);
    }
    free(xml);
}

const kn_xml_element *kn_xml_root(const kn_xml *xml) {
    return xml->root;
}

const kn_xml_element *kn_xml_child(const kn_xml_element *element, const char *name) {
    const kn_xml_element *c = element ? element->children : NULL;
    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    return c;
}

const char *kn_xml_text(const kn_xml_element *element, const char *name) {
    const kn_xml_element *c = kn_xml_child(element, name);
    return c ? c->text.p : NULL;
}

void kn_xml_escape(kn_buf *out, kn_slice text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '&')
            kn_buf_cstr(out, "&amp;");
        else if (c == '<')
            kn_buf_cstr(out, "&lt;");
        else if (c == '>')
            kn_buf_cstr(out, "&gt;");
        else if (c == '"')
            kn_buf_cstr(out, "&quot;");
        else if (c < 0x20 && c != '\t' && c != '\n')
            kn_buf_printf(out, "&#x%X;", c);
        else if (c < 0x80)
            kn_buf_char(out, (char)c);
        else {
            size_t n = kn_utf8_length(text.p + i, text.n - i);
            kn_buf_append(out, n ? text.p + i : "\xEF\xBF\xBD", n ? n : 3);
            i += n ? n - 1 : 0;
        }
    }
}
