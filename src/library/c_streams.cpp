#include "crypto/secret.hpp"
#include "library/c_support.hpp"

struct latchkey_writer {  // NOLINT(readability-identifier-naming): the name of C
  latchkey::StreamWriter stream;
};
struct latchkey_reader {  // NOLINT(readability-identifier-naming): the name of C
  latchkey::StreamReader stream;
};

namespace {

using namespace latchkey::c;

constexpr unsigned kMostThreads = 64;

latchkey::Done done_or(int failed, const char* what) {
  if (failed == 0) return std::monostate();
  return latchkey::Failure{latchkey::FailureKind::Failed, "", what};
}

}  // namespace

extern "C" {

latchkey_writer* latchkey_new_stream(latchkey_workspace* workspace, const latchkey_pair* context, size_t context_size,
                                     unsigned threads, latchkey_output output, void* user, latchkey_error* error) {
  latchkey_writer* made = nullptr;
  guarded(error, [&] {
    if (workspace == nullptr || output == nullptr) return invalid(error, "the workspace or the output is NULL");
    if (threads == 0 || threads > kMostThreads) return invalid(error, "threads are 1 to 64");
    latchkey::DataContext pairs;
    if (auto code = read_context(context, context_size, pairs, error)) return code;
    auto put = [output, user](latchkey::ByteSpan bytes) {
      return done_or(output(user, bytes.data(), bytes.size()), "the output has failed");
    };
    auto stream = workspace->workspace.new_stream(put, pairs, threads);
    if (!stream) return tell(error, stream.failure());
    made = new latchkey_writer{std::move(stream).value()};
    return LATCHKEY_OK;
  });
  return made;
}

latchkey_code latchkey_write(latchkey_writer* writer, const uint8_t* plaintext, size_t size, latchkey_error* error) {
  if (writer == nullptr) return invalid(error, "the writer is NULL");
  if (plaintext == nullptr && size > 0) return invalid(error, "a buffer is NULL and its size is not 0");
  return guarded(error, [&] {
    auto written = writer->stream.write({plaintext, size});
    return written ? LATCHKEY_OK : tell(error, written.failure());
  });
}

latchkey_code latchkey_finish(latchkey_writer* writer, latchkey_error* error) {
  if (writer == nullptr) return invalid(error, "the writer is NULL");
  return guarded(error, [&] {
    auto finished = writer->stream.finish();
    return finished ? LATCHKEY_OK : tell(error, finished.failure());
  });
}

void latchkey_free_writer(latchkey_writer* writer) {
  delete writer;
}

latchkey_reader* latchkey_open_stream(latchkey_workspace* workspace, const latchkey_pair* context, size_t context_size,
                                      uint64_t size, latchkey_input input, void* user, latchkey_error* error) {
  latchkey_reader* opened = nullptr;
  guarded(error, [&] {
    if (workspace == nullptr || input == nullptr) return invalid(error, "the workspace or the input is NULL");
    latchkey::DataContext pairs;
    if (auto code = read_context(context, context_size, pairs, error)) return code;
    auto get = [input, user](std::uint64_t offset, latchkey::MutableByteSpan out) {
      return done_or(input(user, offset, out.data(), out.size()), "the input has failed");
    };
    auto stream = workspace->workspace.open_stream(size, get, pairs);
    if (!stream) return tell(error, stream.failure());
    opened = new latchkey_reader{std::move(stream).value()};
    return LATCHKEY_OK;
  });
  return opened;
}

uint64_t latchkey_plaintext_size(const latchkey_reader* reader) {
  return reader == nullptr ? 0 : reader->stream.size();
}

latchkey_code latchkey_read(const latchkey_reader* reader, uint64_t offset, uint8_t* out, size_t size, size_t* read,
                            latchkey_error* error) {
  if (read != nullptr) *read = 0;
  if (out != nullptr) latchkey::crypto::wipe({out, size});
  if (reader == nullptr || read == nullptr)
    return invalid(error, "the reader, or where to say how much was read, is NULL");
  if (out == nullptr && size > 0) return invalid(error, "a buffer is NULL and its size is not 0");
  auto code = guarded(error, [&] {
    auto filled = reader->stream.read(offset, {out, size});
    if (!filled) return tell(error, filled.failure());
    *read = filled.value();
    return LATCHKEY_OK;
  });
  if (code != LATCHKEY_OK) latchkey::crypto::wipe({out, size});
  return code;
}

void latchkey_free_reader(latchkey_reader* reader) {
  delete reader;
}

}  // extern "C"
