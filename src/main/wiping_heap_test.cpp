#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <openssl/buffer.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

namespace latchkey::cli {

namespace {

constexpr std::size_t kLength = 48;
constexpr char kMask = 0x5a;

// A text that is in memory only where somebody has written it: what is kept here is masked.
class Marker {
 public:
  explicit Marker(unsigned seed) {
    for (auto& letter : masked_) {
      seed = seed * 1'103'515'245 + 12'345;
      letter = static_cast<char>(('a' + (seed >> 16) % 26) ^ kMask);
    }
  }
  // `room` bytes or more, of which the first are the marker's.
  void write(char* room) const {
    for (std::size_t i = 0; i < kLength; ++i) const_cast<volatile char*>(room)[i] = masked_[i] ^ kMask;
  }
  // Its first 16 bytes are not looked at: the allocator writes there.
  [[nodiscard]] std::size_t copies_in(const char* begin, const char* end) const {
    std::size_t found = 0;
    constexpr std::size_t kSkipped = 16;
    const char first = masked_[kSkipped] ^ kMask;
    for (const auto* at = begin; end - at >= static_cast<std::ptrdiff_t>(kLength - kSkipped); ++at) {
      at = static_cast<const char*>(std::memchr(at, first, static_cast<std::size_t>(end - at)));
      if (at == nullptr || end - at < static_cast<std::ptrdiff_t>(kLength - kSkipped)) break;
      std::size_t same = 1;
      while (kSkipped + same < kLength && at[same] == (masked_[kSkipped + same] ^ kMask)) ++same;
      if (kSkipped + same == kLength) ++found;
    }
    return found;
  }

 private:
  std::array<char, kLength> masked_;
};

// In all that this process may write to, its threads' stacks left out.
std::size_t copies(const Marker& marker) {
  std::ifstream maps("/proc/self/maps");
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::array<char, 5> rights{};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights.data()) != 3) continue;
    if (std::strncmp(rights.data(), "rw", 2) != 0 || line.find("[stack]") != std::string::npos) continue;
    found += marker.copies_in(reinterpret_cast<const char*>(begin), reinterpret_cast<const char*>(end));
  }
  return found;
}

// Written on the heap, so that no stack has it.
std::unique_ptr<std::string> text_of(const Marker& marker, std::size_t times = 1) {
  auto text = std::make_unique<std::string>(times * kLength, '\0');
  for (std::size_t i = 0; i < times; ++i) marker.write(text->data() + i * kLength);
  return text;
}

struct Case {
  const char* name;
  void (*run)(const Marker&);
};

class WipingHeapTest : public testing::TestWithParam<Case> {};

TEST_P(WipingHeapTest, WhatIsFreedLeavesNothing) {
  Marker marker(static_cast<unsigned>(std::hash<std::string_view>()(GetParam().name)));
  GetParam().run(marker);
  EXPECT_EQ(copies(marker), 0U);
}

std::size_t copies_while_held(const Marker& marker, const char* held) {
  EXPECT_NE(held, nullptr);
  return copies(marker);
}

constexpr std::size_t kSmall = 64;
constexpr std::size_t kHuge = std::size_t{4} << 20;  // a mapping of its own

void* filled(const Marker& marker, std::size_t size) {
  auto* memory = static_cast<char*>(std::malloc(size));
  marker.write(memory + size - kLength);
  return memory;
}

INSTANTIATE_TEST_SUITE_P(
    Everything, WipingHeapTest,
    testing::Values(Case{"free", [](const Marker& m) { std::free(filled(m, kSmall)); }},
                    Case{"free_of_a_mapping", [](const Marker& m) { std::free(filled(m, kHuge)); }},
                    Case{"realloc_that_grows",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(std::realloc(filled(m, kSmall), 4096));
                           EXPECT_EQ(m.copies_in(memory, memory + 4096), 1U);
                           EXPECT_EQ(copies_while_held(m, memory), 1U);
                           std::free(memory);
                         }},
                    Case{"realloc_that_grows_a_mapping",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(std::realloc(filled(m, kHuge), 2 * kHuge));
                           EXPECT_EQ(m.copies_in(memory, memory + 2 * kHuge), 1U);
                           EXPECT_EQ(copies_while_held(m, memory), 1U);
                           std::free(memory);
                         }},
                    Case{"realloc_that_shrinks",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(std::realloc(filled(m, 4096), 1024));
                           EXPECT_EQ(copies_while_held(m, memory), 0U);
                           std::free(memory);
                         }},
                    Case{"realloc_to_nothing",
                         [](const Marker& m) { EXPECT_EQ(std::realloc(filled(m, kSmall), 0), nullptr); }},
                    Case{"realloc_of_nothing",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(std::realloc(nullptr, kSmall));
                           m.write(memory);
                           std::free(memory);
                         }},
                    Case{"reallocarray",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(reallocarray(filled(m, kSmall), 64, 64));
                           EXPECT_EQ(copies_while_held(m, memory), 1U);
                           std::free(memory);
                         }},
                    Case{"memory_that_is_aligned",
                         [](const Marker& m) {
                           struct alignas(256) Aligned {
                             std::array<char, 256> room;
                           };
                           auto aligned = std::make_unique<Aligned>();
                           m.write(aligned->room.data() + 64);
                         }},
                    Case{"a_text_that_grew",
                         [](const Marker& m) {
                           auto text = text_of(m);
                           for (int i = 0; i < 4; ++i) text->append(text->capacity(), 'x');
                           EXPECT_EQ(copies(m), 1U);
                         }},
                    Case{"a_vector_that_grew",
                         [](const Marker& m) {
                           auto text = text_of(m);
                           auto bytes = std::make_unique<std::vector<char>>(text->begin(), text->end());
                           text.reset();
                           for (int i = 0; i < 10'000; ++i) bytes->push_back('x');
                           EXPECT_EQ(copies(m), 1U);
                         }},
                    Case{"a_stream_of_text",
                         [](const Marker& m) {
                           auto text = text_of(m);
                           auto stream = std::make_unique<std::ostringstream>();
                           for (int i = 0; i < 20; ++i) *stream << *text;
                         }},
                    Case{"json",
                         [](const Marker& m) {
                           auto text = text_of(m);
                           auto value = std::make_unique<boost::json::value>(boost::json::parse(R"(["x"])"));
                           value->as_array().emplace_back(*text);
                         }},
                    Case{"a_line_of_the_c_library",
                         [](const Marker& m) {
                           auto text = text_of(m, 20);
                           auto* file = fmemopen(text->data(), text->size(), "r");
                           char* line = nullptr;
                           std::size_t room = 0;
                           EXPECT_EQ(getline(&line, &room, file), static_cast<ssize_t>(text->size()));
                           std::free(line);
                           std::fclose(file);
                         }},
                    Case{"openssl",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(OPENSSL_malloc(kLength));
                           m.write(memory);
                           memory = static_cast<char*>(OPENSSL_realloc(memory, 4096));
                           EXPECT_EQ(copies_while_held(m, memory), 1U);
                           OPENSSL_free(memory);
                         }},
                    Case{"openssls_buffers",
                         [](const Marker& m) {
                           auto* buffer = BUF_MEM_new();
                           EXPECT_EQ(BUF_MEM_grow(buffer, kLength), kLength);
                           m.write(buffer->data);
                           EXPECT_EQ(BUF_MEM_grow(buffer, 9000), 9000U);
                           EXPECT_EQ(copies(m), 1U);
                           BUF_MEM_free(buffer);
                         }},
                    Case{"libcurl",
                         [](const Marker& m) {
                           auto text = text_of(m);
                           auto* list = curl_slist_append(nullptr, text->c_str());
                           text.reset();
                           EXPECT_EQ(copies(m), 1U);
                           curl_slist_free_all(list);
                         }},
                    Case{"sqlite",
                         [](const Marker& m) {
                           auto* memory = static_cast<char*>(sqlite3_malloc(kSmall));
                           m.write(memory);
                           memory = static_cast<char*>(sqlite3_realloc(memory, 4096));
                           EXPECT_EQ(copies_while_held(m, memory), 1U);
                           sqlite3_free(memory);
                         }}),
    [](const auto& shown) { return std::string(shown.param.name); });

// What the other tests rely on: the search finds what is there.
TEST(WipingHeapSearch, FindsWhatIsThere) {
  Marker marker(1);
  EXPECT_EQ(copies(marker), 0U);
  auto text = text_of(marker, 3);
  EXPECT_EQ(copies(marker), 3U);
}

}  // namespace

}  // namespace latchkey::cli
