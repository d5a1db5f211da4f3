/* Log lines on stderr, as the tutorial prints them:
 *     2022-02-02T15:17:07 - INFO - Started data generation.
 * One write per line, so lines of several threads do not mix. Control characters (but for ends of
 * lines and tabs) and what is no UTF-8 become '?'. Local time is not used: times are
 * UTC. Library code does not log; it returns errors. The run, the lake's server and scripts log.
 *
 * On a terminal one live text may stand below them. */
#ifndef KN_BASE_LOG_H
#define KN_BASE_LOG_H

#include "base/buf.h"

typedef enum { KN_LOG_DEBUG, KN_LOG_INFO, KN_LOG_WARNING, KN_LOG_ERROR, KN_LOG_NONE } kn_log_level;

void kn_log_set_level(kn_log_level lowest); /* lines below it are dropped; default INFO */
void kn_log(kn_log_level level, const char *fmt, ...) KN_PRINTF(2, 3);

/* What stands on the terminal below the log lines: drawn in place of the one before, and again
 * after each log line. Empty: nothing, and what was drawn is erased. `rows`: how many rows of the
 * terminal the one before takes by now. The text ends without a newline. */
void kn_log_live(kn_slice text, unsigned rows);

/* The same of a line that somebody else draws, such as an editor's: it stands there already, and is
 * drawn again after each log line. The cursor is `rows` - 1 rows below its first, and the text
 * brings it back there. While it stands kn_log_live does nothing. Empty: it is gone. */
void kn_log_live_line(kn_slice text, unsigned rows);

/* Other lines, above what stands there; the last gets a newline where it has none. */
void kn_log_lines(kn_slice lines);

#endif
