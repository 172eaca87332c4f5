/*
 * artifact.h: the saved file. The safetensors layout: 8 bytes of header length,
 * a JSON header padded with spaces, then raw little-endian tensors without
 * holes; filler tensors `_pad_N` align the others to 64 bytes. The header's
 * metadata has the graph's text form, the model's own metadata and a digest
 * over every byte of the file (its own digits taken as '0').
 *
 * A tensor of strings is two: its bytes, and `NAME#sizes` with their lengths.
 */
#ifndef WL_ARTIFACT_ARTIFACT_H
#define WL_ARTIFACT_ARTIFACT_H

#include "graph/graph.h"

enum { WL_ARTIFACT_VERSION = 1 };

/* What a file holds. The graph's tensors borrow `bytes`. */
typedef struct wl_artifact {
  wl_graph graph;
  char *metadata; /* owned, terminated: a JSON object */
} wl_artifact;

/*
 * Verifies and reads. `bytes` are 64-byte aligned and outlive the artifact.
 * Every failure but WL_ERROR_MEMORY is WL_ERROR_ARTIFACT.
 */
wl_status wl_artifact_read(const void *bytes, size_t size, wl_artifact *out,
                           wl_error *error);
void wl_artifact_deinit(wl_artifact *artifact);

/* *bytes is owned (wl_free). The same graph and metadata give the same bytes.
 */
wl_status wl_artifact_write(const wl_graph *graph, const char *metadata,
                            void **bytes, size_t *size, wl_error *error);

/* ---- files --------------------------------------------------------------- */

/* A file's bytes, 64-byte aligned: read, or mapped. */
typedef struct wl_file {
  void *bytes;
  size_t size;
  bool is_mapped;
} wl_file;

wl_status wl_file_read(const char *path, bool use_mmap, wl_file *out,
                       wl_error *error);
void wl_file_deinit(wl_file *file);
/* Gives the memory of a mapped file's pages back: they come again from the
 * system's cache when they are read. */
void wl_file_release_pages(const wl_file *file);
/* To a temporary file in the same folder, synced, then renamed. */
wl_status wl_file_replace(const char *path, const void *bytes, size_t size,
                          wl_error *error);

#endif
