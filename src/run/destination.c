/* See destination.h. */
#include "run/destination.h"

bool kn_sink_give_up(kn_sink *sink, const kn_record *record, const kn_err *why, bool uncertain) {
    const kn_destination *to = sink->destination;
    kn_stats *stats = sink->stats;
    if (stats->first_error.code == KN_OK)
        stats->first_error = *why;
    kn_count(&stats->failed, 1);
    kn_count(&stats->uncertain, uncertain);
    if (!to || !to->dead_letters || !record->data.p)
        return false;
    kn_dead_letter letter = {
        .service = to->service,
        .name = to->name,
        .target = to->target,
        .no_newline = to->no_newline,
        .index = record->index,
        .data = record->data,
        .partition_key = record->partition_key,
        .explicit_hash_key = record->explicit_hash_key,
        .why = why,
        .uncertain = uncertain,
    };
    return kn_dead_letters_add(to->dead_letters, &letter);
}

void kn_sink_settle(kn_sink *sink, uint64_t from, uint64_t to) {
    if (sink->destination && sink->destination->settled)
        kn_settled_add(sink->destination->settled, from, to);
}

void kn_sink_settle_at(kn_sink *sink, uint64_t from, uint64_t to, uint64_t position) {
    if (sink->destination && sink->destination->settled)
        kn_settled_add_at(sink->destination->settled, from, to, position);
}
