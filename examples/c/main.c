/* A record, encrypted and decrypted in this process. Wants LATCHKEY_URL, LATCHKEY_WORKSPACE_KEY and
 * LATCHKEY_WORKSPACE_ID, as `latchkey dev` writes them to dev.env. */
#include <latchkey/latchkey.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const latchkey_error* error) {
  fprintf(stderr, "%s: %s\n", error->reason, error->message);
  return error->code == LATCHKEY_REFUSED ? 3 : 1;
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
  printf("a record of %zu bytes\n", size);
  latchkey_close(workspace);
  return 0;
}
