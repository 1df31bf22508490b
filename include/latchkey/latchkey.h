/* Latchkey for programs in C, and for languages that bind to C. It works as client.hpp, which has the rules; only
 * plain data crosses this interface, and nothing throws. Workspace handles are thread-safe. The program that makes a
 * handle frees it; NULL may be freed.
 *
 *   latchkey_error error;
 *   latchkey_workspace *ws = latchkey_open("https://keys.example.com", api_key, NULL, "wrkspc_01...", &error);
 *   size_t size = latchkey_sealed_size(length);
 *   if (!ws || latchkey_encrypt(ws, NULL, 0, data, length, out, size, &error)) fputs(error.message, stderr);
 */
#ifndef LATCHKEY_LATCHKEY_H
#define LATCHKEY_LATCHKEY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LATCHKEY_API __attribute__((visibility("default")))

typedef enum latchkey_code {
  LATCHKEY_OK = 0,
  LATCHKEY_INVALID = 1,     /* the call is wrong: it needs another argument */
  LATCHKEY_REFUSED = 2,     /* the server or the customer's key refuses: do not retry */
  LATCHKEY_UNREACHABLE = 3, /* the server could not be reached, and the lease has ended: retry later */
  LATCHKEY_WRONG_KEY = 4,   /* made with another data key, or, for streams, for another workspace or context */
  LATCHKEY_CORRUPT = 5,     /* damaged or cut off; for records, also of another workspace or context */
  LATCHKEY_FAILED = 6       /* out of memory or threads, or your own function has failed */
} latchkey_code;

/* A call that fails fills it; longer texts are cut off. Never holds a secret. */
typedef struct latchkey_error {
  latchkey_code code;
  char reason[64];    /* a stable name of docs/errors.md; may be empty */
  char message[1024]; /* for a person: what happened, to what, and the cure */
} latchkey_error;

/* Bound to the data and not stored: decryption needs the same pairs, in any order. UTF-8, ended by a zero byte. */
typedef struct latchkey_pair {
  const char* name;
  const char* value;
} latchkey_pair;

typedef struct latchkey_workspace latchkey_workspace;

/* Opens one workspace of a server, and copies its arguments. `ca_file` may be NULL. Returns NULL where it fails. It
 * does not call the server yet. `error` may be NULL, here and below. Two handles of one workspace each lease keys of
 * their own: keep one and share it. */
LATCHKEY_API latchkey_workspace* latchkey_open(const char* url, const char* api_key, const char* ca_file,
                                               const char* workspace_id, latchkey_error* error);
LATCHKEY_API void latchkey_close(latchkey_workspace* workspace);

/* A record is 92 bytes longer than its plaintext. Both return 0 where there is no record of that size. */
LATCHKEY_API size_t latchkey_sealed_size(size_t plaintext_size);
LATCHKEY_API size_t latchkey_opened_size(size_t record_size);

/* `out_size` is latchkey_sealed_size(plaintext_size). A failed call zeroes `out`, unless `out` overlaps the
 * plaintext: then it returns LATCHKEY_INVALID and writes nothing. `out` must not overlap the context or `error`. */
LATCHKEY_API latchkey_code latchkey_encrypt(latchkey_workspace* workspace, const latchkey_pair* context,
                                            size_t context_size, const uint8_t* plaintext, size_t plaintext_size,
                                            uint8_t* out, size_t out_size, latchkey_error* error);
/* `out_size` is latchkey_opened_size(record_size). A failed call zeroes `out`, unless `out` overlaps the record:
 * then it returns LATCHKEY_INVALID and writes nothing. `out` must not overlap the context or `error`. */
LATCHKEY_API latchkey_code latchkey_decrypt(latchkey_workspace* workspace, const latchkey_pair* context,
                                            size_t context_size, const uint8_t* record, size_t record_size,
                                            uint8_t* out, size_t out_size, latchkey_error* error);

/* Streams: data of any size, through your own functions. They receive `user` unchanged, and return 0, or another number
 * to end the call with LATCHKEY_FAILED. One thread at a time may use a writer; a reader is thread-safe where its input
 * is. A refusal of the key ends both before their next piece (LATCHKEY_REFUSED): a writer for good, a reader until the
 * key may be used again. */
typedef struct latchkey_writer latchkey_writer;
typedef struct latchkey_reader latchkey_reader;
/* Receives the next bytes of the stream. */
typedef int (*latchkey_output)(void* user, const uint8_t* bytes, size_t size);
/* Fills all of `out` from byte `offset` of the stream on. */
typedef int (*latchkey_input)(void* user, uint64_t offset, uint8_t* out, size_t size);

/* Encrypts plaintext into a stream, on `threads` (1 to 64) at once; `output` is called from the calling thread. Returns
 * NULL where it fails. The writer may outlive the workspace. */
LATCHKEY_API latchkey_writer* latchkey_new_stream(latchkey_workspace* workspace, const latchkey_pair* context,
                                                  size_t context_size, unsigned threads, latchkey_output output,
                                                  void* user, latchkey_error* error);
LATCHKEY_API latchkey_code latchkey_write(latchkey_writer* writer, const uint8_t* plaintext, size_t size,
                                          latchkey_error* error);
/* Without it, the output is no stream and will not open. After it, and after a failure, every call fails. */
LATCHKEY_API latchkey_code latchkey_finish(latchkey_writer* writer, latchkey_error* error);
LATCHKEY_API void latchkey_free_writer(latchkey_writer* writer);

/* Opens a stream of `size` bytes, and checks its end first, so that a cut one does not open. Returns NULL where it
 * fails. The reader may outlive the workspace. */
LATCHKEY_API latchkey_reader* latchkey_open_stream(latchkey_workspace* workspace, const latchkey_pair* context,
                                                   size_t context_size, uint64_t size, latchkey_input input, void* user,
                                                   latchkey_error* error);
/* The plaintext's size in bytes; 0 for NULL. */
LATCHKEY_API uint64_t latchkey_plaintext_size(const latchkey_reader* reader);
/* Fills `out` from the plaintext's byte `offset` on, and sets `read` to the number of bytes: fewer than all only at the
 * end. Where it fails, it zeroes `out` and sets `read` to 0: it returns only bytes that were checked. */
LATCHKEY_API latchkey_code latchkey_read(const latchkey_reader* reader, uint64_t offset, uint8_t* out, size_t size,
                                         size_t* read, latchkey_error* error);
LATCHKEY_API void latchkey_free_reader(latchkey_reader* reader);

#ifdef __cplusplus
}
#endif

#endif
