#!/bin/sh
# Writes an assembler file that carries the named files and a table of them:
#   struct kn_embedded { const char *name; const char *start; const char *end; } kn_embedded[];
# ended by a row of zeros (src/bind/embedded.h declares it). Names are paths in the project.
echo '    .section .rodata'
n=0
for file in "$@"; do
    printf '.Lname%d: .asciz "%s"\n.Lfile%d: .incbin "%s"\n.Lend%d: .byte 0\n' $n "$file" $n "$file" $n
    n=$((n + 1))
done
echo '    .section .data.rel.ro,"aw"'
echo '    .balign 8'
echo '    .globl kn_embedded'
echo 'kn_embedded:'
i=0
while [ $i -lt $n ]; do
    echo "    .quad .Lname$i, .Lfile$i, .Lend$i"
    i=$((i + 1))
done
echo '    .quad 0, 0, 0'
echo '    .section .note.GNU-stack,"",%progbits'
