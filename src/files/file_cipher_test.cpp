#include "files/file_cipher.hpp"

#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "crypto/random.hpp"

namespace latchkey::files {
namespace {

namespace fs = std::filesystem;
using envelope::kChunkSize;
using envelope::StreamCipher;
using ::testing::HasSubstr;

class FileCipherTest : public ::testing::Test {
 protected:
  FileCipherTest() {
    std::string pattern = fs::temp_directory_path() / "latchkey-cipher-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileCipherTest() override {
    for (int file : opened_) ::close(file);
    fs::remove_all(folder_);
  }
  int open_file_at(const std::string& name, int flags) {
    opened_.push_back(::open((folder_ + "/" + name).c_str(), flags | O_CREAT | O_CLOEXEC, 0600));
    return opened_.back();
  }
  // Makes a file with this content, positioned at its beginning.
  int file_with(ByteView content) {
    auto name = std::to_string(opened_.size());
    EXPECT_TRUE(write_file_durably(folder_ + "/" + name, as_text(content), 0600));
    return open_file_at(name, O_RDONLY);
  }
  int empty_file() { return open_file_at(std::to_string(opened_.size()), O_RDWR); }
  static Bytes content_of(int file) {
    auto size = static_cast<std::size_t>(::lseek(file, 0, SEEK_END));
    Bytes content(size);
    EXPECT_EQ(::pread(file, content.data(), size, 0), static_cast<ssize_t>(size));
    return content;
  }
  static Bytes plaintext_of(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / kChunkSize);
    return bytes;
  }
  StreamCipher sealing() { return StreamCipher::for_sealing(key_, compartment_, {}, random_).value(); }
  StreamCipher opening(ByteView prefix) { return StreamCipher::for_opening(key_, compartment_, {}, prefix).value(); }
  Bytes sealed(ByteView plaintext, unsigned threads = 2) {
    int out = empty_file();
    EXPECT_TRUE(seal_file({.in = file_with(plaintext), .out = out, .threads = threads, .is_private = true}, sealing()));
    return content_of(out);
  }
  Result<Bytes> opened(ByteView stream, bool is_private, unsigned threads = 2) {
    int in = file_with(stream);
    int out = empty_file();
    LATCHKEY_TRY(auto prefix, read_prefix(in));
    LATCHKEY_TRYV(open_file({.in = in, .out = out, .threads = threads, .is_private = is_private}, opening(prefix)));
    return content_of(out);
  }

  std::string folder_;
  std::vector<int> opened_;
  crypto::SystemRandom random_;
  Uuid compartment_{};
  envelope::DataKey key_ = envelope::DataKey::create(RawId{}, crypto::SecretBytes(Bytes(32, 4))).value();
};

TEST_F(FileCipherTest, FilesOfEverySizeGoThereAndBack) {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, kChunkSize - 1, kChunkSize, kChunkSize + 1, 31 * kChunkSize,
                           32 * kChunkSize, 32 * kChunkSize + 1, 64 * kChunkSize, 100 * kChunkSize + 77}) {
    auto plaintext = plaintext_of(size);
    for (unsigned threads : {1U, 2U, 3U}) {
      auto stream = sealed(plaintext, threads);
      ASSERT_EQ(stream.size(), envelope::sealed_stream_size(size));
      for (bool is_private : {true, false}) {
        auto back = opened(stream, is_private, threads);
        ASSERT_TRUE(back) << size << " " << back.error().message();
        EXPECT_TRUE(back.value() == plaintext) << size;
      }
    }
  }
}

TEST_F(FileCipherTest, PipesAreDoneInOrder) {
  auto plaintext = plaintext_of(70 * kChunkSize + 5);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    for (ByteView left = plaintext; !left.empty();) {
      auto count = ::write(ends[1], left.data(), std::min<std::size_t>(left.size(), 10'000));
      if (count <= 0) break;
      left = left.subspan(static_cast<std::size_t>(count));
    }
    ::close(ends[1]);
  });
  int out = empty_file();
  EXPECT_FALSE(bytes_left(ends[0]));
  auto done = seal_file({.in = ends[0], .out = out, .threads = 2, .is_private = true}, sealing());
  writer.join();
  ::close(ends[0]);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(opened(content_of(out), true).value() == plaintext);
}

TEST_F(FileCipherTest, BeginsWhereTheFileStands) {
  auto plaintext = plaintext_of(50 * kChunkSize);
  int in = file_with(plaintext);
  ::lseek(in, 1000, SEEK_SET);
  EXPECT_EQ(bytes_left(in), plaintext.size() - 1000);
  int out = empty_file();
  ASSERT_TRUE(seal_file({.in = in, .out = out, .threads = 2, .is_private = true}, sealing()));
  auto back = opened(content_of(out), true).value();
  EXPECT_TRUE(std::equal(back.begin(), back.end(), plaintext.begin() + 1000, plaintext.end()));
}

// Files have the size 0 in /proc, and the size of a page in /sys.
TEST_F(FileCipherTest, ASizeIsAHint) {
  for (const char* name : {"/proc/version", "/proc/self/cmdline", "/sys/kernel/uevent_seqnum"}) {
    int in = ::open(name, O_RDONLY | O_CLOEXEC);
    if (in < 0) continue;
    opened_.push_back(in);
    auto content = read_file(name, 1'000'000).value();
    ASSERT_FALSE(content.empty());
    std::atomic<std::uint64_t> done{0};
    int out = empty_file();
    auto sealed = seal_file({.in = in, .out = out, .threads = 2, .is_private = true, .progress = &done}, sealing());
    ASSERT_TRUE(sealed) << name << sealed.error().message();
    EXPECT_EQ(done, content.size());
    auto stream = content_of(out);
    EXPECT_EQ(stream.size(), envelope::sealed_stream_size(content.size()));
    EXPECT_EQ(as_text(opened(stream, true).value()), content);
  }
}

TEST_F(FileCipherTest, AnInputThatChangesIsRefused) {
  auto plaintext = plaintext_of(100 * kChunkSize);
  auto name = folder_ + "/changing";
  auto refused = [&](const std::function<void()>& change) {
    EXPECT_TRUE(write_file_durably(name, as_text(plaintext), 0600));
    FileJob job{.in = open_file_at("changing", O_RDONLY), .out = empty_file(), .threads = 2, .is_private = true};
    bool is_first = true;
    job.may_go_on = [&]() -> Result<void> {
      if (std::exchange(is_first, false)) change();
      return success();
    };
    auto done = seal_file(job, sealing());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Conflict);
    EXPECT_THAT(done.error().message(), HasSubstr("changed while it was read; nothing was written"));
  };
  refused([&] { fs::resize_file(name, 0); });
  refused([&] { fs::resize_file(name, 10 * kChunkSize + 1); });
  refused([&] { fs::resize_file(name, 200 * kChunkSize); });
  // A changed size is noticed even where the time of the change is not.
  refused([&] {
    auto time = fs::last_write_time(name);
    fs::resize_file(name, 101 * kChunkSize);
    fs::last_write_time(name, time);
  });
}

TEST_F(FileCipherTest, DamageIsRefusedEitherWay) {
  auto stream = sealed(plaintext_of(100 * kChunkSize + 7));
  auto refused = [&](const Bytes& bytes, const char* reason) {
    for (bool is_private : {true, false}) {
      auto result = opened(bytes, is_private);
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().reason, reason) << result.error().message();
    }
  };
  auto damaged = stream;
  damaged[envelope::kStreamPrefixSize + 70 * envelope::kSealedChunkSize + 9] ^= 1;
  refused(damaged, "stream_corrupt");
  auto cut = stream;
  cut.resize(envelope::kStreamPrefixSize + 50 * envelope::kSealedChunkSize);
  refused(cut, "stream_truncated");
  cut.resize(envelope::kStreamPrefixSize);
  refused(cut, "stream_truncated");
}

TEST_F(FileCipherTest, EndsWhenItMayNotGoOn) {
  auto plaintext = plaintext_of(200 * kChunkSize);
  for (bool is_private : {true, false}) {
    int asked = 0;
    FileJob job{.in = file_with(plaintext), .out = empty_file(), .threads = 2, .is_private = is_private};
    job.may_go_on = [&]() -> Result<void> {
      if (++asked < 3) return success();
      return Error{ErrorCode::KeyDenied, "the key was pulled"};
    };
    auto done = seal_file(job, sealing());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message(), "the key was pulled");
    EXPECT_LE(asked, 5);
  }
}

TEST_F(FileCipherTest, CountsWhatItHasRead) {
  auto plaintext = plaintext_of(100 * kChunkSize + 7);
  std::atomic<std::uint64_t> done{0};
  ASSERT_TRUE(
      seal_file({.in = file_with(plaintext), .out = empty_file(), .threads = 2, .is_private = true, .progress = &done},
                sealing()));
  EXPECT_EQ(done, plaintext.size());
}

TEST_F(FileCipherTest, WhatCannotBeReadOrWrittenIsSaid) {
  auto write_only = open_file_at("closed", O_WRONLY);
  auto unreadable = seal_file({.in = write_only, .out = empty_file(), .is_private = false}, sealing());
  ASSERT_FALSE(unreadable);
  EXPECT_THAT(unreadable.error().message(), HasSubstr("the input cannot be read: "));
  int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  auto no_room = seal_file({.in = file_with(plaintext_of(10)), .out = full, .is_private = false}, sealing());
  ::close(full);
  ASSERT_FALSE(no_room);
  EXPECT_EQ(no_room.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(no_room.error().message(), HasSubstr("the output cannot be written: No space left"));
}

}  // namespace
}  // namespace latchkey::files
