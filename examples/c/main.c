/* Encrypts and decrypts a record and a stream in this process. It reads LATCHKEY_URL, LATCHKEY_WORKSPACE_KEY and
 * LATCHKEY_WORKSPACE_ID from the environment, as `latchkey dev` writes them to dev.env. */
#include <latchkey/latchkey.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const latchkey_error* error) {
  fprintf(stderr, "%s: %s\n", error->reason, error->message);
  return error->code == LATCHKEY_REFUSED ? 3 : 1;
}

/* Keeps the stream in memory; a real program uses a file. */
static struct {
  uint8_t bytes[300000];
  size_t size;
} stored;

static int put(void* user, const uint8_t* bytes, size_t size) {
  if (size > sizeof stored.bytes - stored.size) return 1;
  memcpy(stored.bytes + stored.size, bytes, size);
  stored.size += size;
  return user == NULL;
}

static int get(void* user, uint64_t offset, uint8_t* out, size_t size) {
  memcpy(out, stored.bytes + offset, size);
  return user == NULL;
}

/* Writes 200 000 bytes in pieces, reads some of them back, and shows that damaged and cut streams do not open. */
static int stream_there_and_back(latchkey_workspace* workspace, const latchkey_pair* context, latchkey_error* error) {
  uint8_t piece[50000];
  uint8_t back[10] = {0};
  size_t read = 0;
  int user = 0;
  latchkey_writer* writer = latchkey_new_stream(workspace, context, 2, 2, put, &user, error);
  for (int i = 0; writer && i < 4; ++i) {
    memset(piece, 'a' + i, sizeof piece);
    if (latchkey_write(writer, piece, sizeof piece, error)) break;
  }
  latchkey_code finished = writer ? latchkey_finish(writer, error) : error->code;
  if (writer && latchkey_write(writer, piece, 1, NULL) != LATCHKEY_INVALID) finished = LATCHKEY_FAILED;
  latchkey_free_writer(writer);
  if (finished) return 1;
  latchkey_reader* reader = latchkey_open_stream(workspace, context, 2, stored.size, get, &user, error);
  if (!reader) return 1;
  latchkey_code done = latchkey_read(reader, 149995, back, sizeof back, &read, error);
  int good = !done && latchkey_plaintext_size(reader) == 200000 && read == 10 && memcmp(back, "cccccddddd", 10) == 0;
  stored.bytes[stored.size / 2] ^= 1;
  uint8_t all[200000];
  good =
      good && latchkey_read(reader, 0, all, sizeof all, &read, error) == LATCHKEY_CORRUPT && read == 0 && all[0] == 0;
  stored.bytes[stored.size / 2] ^= 1;
  latchkey_free_reader(reader);
  reader = latchkey_open_stream(workspace, context, 2, stored.size - 20000, get, &user, error);
  good = good && !reader && error->code == LATCHKEY_CORRUPT;
  reader = latchkey_open_stream(workspace, context, 1, stored.size, get, &user, error);
  good = good && !reader && error->code == LATCHKEY_WRONG_KEY;
  reader = latchkey_open_stream(workspace, context, 2, stored.size, get, NULL, error);
  good = good && !reader && error->code == LATCHKEY_FAILED;
  writer = latchkey_new_stream(workspace, context, 2, 0, put, &user, error);
  good = good && !writer && error->code == LATCHKEY_INVALID;
  return good && latchkey_write(NULL, piece, 1, NULL) == LATCHKEY_INVALID && latchkey_plaintext_size(NULL) == 0 ? 0 : 2;
}

int main(void) {
  static const char text[] = "4111 1111 1111 1111";
  const latchkey_pair context[] = {{"table", "cards"}, {"row", "7"}};
  latchkey_error error;
  latchkey_workspace* workspace = latchkey_open(getenv("LATCHKEY_URL"), getenv("LATCHKEY_WORKSPACE_KEY"), NULL,
                                                getenv("LATCHKEY_WORKSPACE_ID"), &error);
  if (!workspace) return fail(&error);
  uint8_t record[200];
  uint8_t opened[sizeof text];
  size_t size = latchkey_sealed_size(sizeof text);
  if (latchkey_encrypt(workspace, context, 2, (const uint8_t*)text, sizeof text, record, size, &error) ||
      latchkey_decrypt(workspace, context, 2, record, size, opened, sizeof opened, &error)) {
    latchkey_close(workspace);
    return fail(&error);
  }
  if (memcmp(opened, text, sizeof text) != 0) return 2;
  if (latchkey_decrypt(workspace, context, 1, record, size, opened, sizeof opened, &error) != LATCHKEY_CORRUPT)
    return 2;
  record[50] ^= 1;
  if (latchkey_decrypt(workspace, context, 2, record, size, opened, sizeof opened, &error) != LATCHKEY_WRONG_KEY)
    return 2;
  if (latchkey_encrypt(workspace, NULL, 1, record, 1, record, 93, NULL) != LATCHKEY_INVALID) return 2;
  int streamed = stream_there_and_back(workspace, context, &error);
  if (streamed) {
    latchkey_close(workspace);
    return streamed == 1 ? fail(&error) : streamed;
  }
  printf("a record of %zu bytes, a stream of %zu\n", size, stored.size);
  latchkey_close(workspace);
  return 0;
}
