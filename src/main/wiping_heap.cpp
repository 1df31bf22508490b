// Wipes all memory that this process frees, whichever library frees it: HTTP and TLS buffers, JSON, a text that grew.
// Only the `latchkey` executable links it, and so replaces glibc's free and realloc for every library that it loads;
// liblatchkey lives in other people's processes and leaves their heap alone. Sanitizers have a heap of their own.
#include <cstdlib>
#include <cstring>
#include <malloc.h>

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,cppcoreguidelines-no-malloc)
extern "C" {

// glibc's own functions, under the names that it exports for programs that replace the others.
void __libc_free(void* memory) noexcept;
void* __libc_realloc(void* memory, std::size_t size) noexcept;

void free(void* memory) noexcept {
  if (memory == nullptr) return;
  explicit_bzero(memory, malloc_usable_size(memory));
  __libc_free(memory);
}

// glibc's realloc leaves the old bytes behind where it moves a block that grows, and those behind the end of a block
// that shrinks.
void* realloc(void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return malloc(size);
  if (size == 0) {
    free(memory);
    return nullptr;
  }
  auto room = malloc_usable_size(memory);
  if (size <= room) {
    explicit_bzero(static_cast<char*>(memory) + size, room - size);
    return __libc_realloc(memory, size);
  }
  auto* larger = malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, room);
  free(memory);
  return larger;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,cppcoreguidelines-no-malloc)
