/* What the library uses of the C library's string.h: instructions of WebAssembly. */
#ifndef ECGEDGE_WASM_STRING_H
#define ECGEDGE_WASM_STRING_H

#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

#endif
