/* CRC-32C (Castagnoli; RFC 3720, appendix B.4): by the processor's instruction where there is one,
 * else by a table. */
#ifndef KN_BASE_CRC32C_H
#define KN_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what crc is the checksum of (0: nothing), followed by the n bytes. */
uint32_t kn_crc32c(uint32_t crc, const void *p, size_t n);

/* The same, never by the instruction. */
uint32_t kn_crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
