#include "latchkey/client.hpp"

#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "envelope/record.hpp"
#include "envelope/stream.hpp"
#include "library/http_lender.hpp"
#include "library/leased_keys.hpp"

namespace latchkey {

namespace {

using library::LeasedKey;
using library::LeasedKeys;

FailureKind kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::WrongKey:
      return FailureKind::WrongKey;
    case ErrorCode::Corrupt:
      return FailureKind::Corrupt;
    case ErrorCode::Unavailable:
    case ErrorCode::KeyUnreachable:
    case ErrorCode::DeadlineExceeded:
      return FailureKind::Unreachable;
    default:
      return FailureKind::Invalid;
  }
}

Failure failure_of(const Error& error) {
  return {kind_of(error.code), error.reason, error.message};
}

// Whatever the lender says no to was refused, also where the words are those of a wrong request: its key, or the
// workspace.
Failure refusal_of(const Error& error) {
  auto failure = failure_of(error);
  if (failure.kind == FailureKind::Invalid) failure.kind = FailureKind::Refused;
  return failure;
}

Done done_or(const Result<void>& result) {
  return result ? Done(std::monostate()) : Done(failure_of(result.error()));
}

Result<void> result_of(const Done& done) {
  if (done) return success();
  return Error{ErrorCode::Internal, done.failure().message, done.failure().reason};
}

}  // namespace

struct Client::State {
  std::shared_ptr<const library::Server> server;
};

struct Workspace::State {
  State(std::shared_ptr<const library::Server> server, std::string id)
      : lender(std::move(server), clock, std::move(id)), keys(lender, clock) {}
  SystemClock clock;
  crypto::SystemRandom random;
  library::HttpLender lender;
  LeasedKeys keys;
};

struct StreamWriter::State {
  std::shared_ptr<Workspace::State> workspace;
  LeasedKey key;
  StreamOutput output;
  envelope::StreamEncryptor encryptor;
  std::optional<Failure> output_failure;

  Done run(const std::function<Result<void>(const envelope::StreamSink&)>& step) {
    if (auto kept = workspace->keys.keep(key); !kept) return refusal_of(kept.error());
    auto done = step([&](ByteView bytes) {
      auto written = output(bytes);
      if (!written) output_failure = written.failure();
      return result_of(written);
    });
    if (!done && output_failure) return *output_failure;
    return done_or(done);
  }
};

struct StreamReader::State {
  std::shared_ptr<Workspace::State> workspace;
  LeasedKey key;
  envelope::StreamReader reader;
};

StreamWriter::StreamWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamWriter::StreamWriter(StreamWriter&&) noexcept = default;
StreamWriter& StreamWriter::operator=(StreamWriter&&) noexcept = default;
StreamWriter::~StreamWriter() = default;

Done StreamWriter::write(ByteSpan plaintext) {
  return state_->run([&](const auto& sink) { return state_->encryptor.write(plaintext, sink); });
}

Done StreamWriter::finish() {
  return state_->run([&](const auto& sink) { return state_->encryptor.finish(sink); });
}

StreamReader::StreamReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&&) noexcept = default;
StreamReader::~StreamReader() = default;

std::uint64_t StreamReader::size() const {
  return state_->reader.size();
}

Outcome<std::size_t> StreamReader::read(std::uint64_t offset, MutableByteSpan out) const {
  // Each reader has a copy of its own of what is on lease: this call is thread-safe.
  auto key = state_->key;
  if (auto kept = state_->workspace->keys.keep(key); !kept) {
    crypto::wipe(out);
    return refusal_of(kept.error());
  }
  auto read = state_->reader.read(offset, out);
  if (!read) return failure_of(read.error());
  return read.value();
}

Workspace::Workspace(std::shared_ptr<State> state) : state_(std::move(state)) {}

Outcome<std::vector<std::uint8_t>> Workspace::encrypt(ByteSpan plaintext, const DataContext& context) const {
  auto form = envelope::canonicalize(context);
  if (!form) return failure_of(form.error());
  auto key = state_->keys.for_encryption();
  if (!key) return refusal_of(key.error());
  Bytes record(envelope::sealed_size(plaintext.size()));
  auto sealed = envelope::seal_record(*key.value().key, key.value().compartment, form.value(), ByteView(plaintext),
                                      state_->random, record);
  if (!sealed) return failure_of(sealed.error());
  return record;
}

Outcome<std::vector<std::uint8_t>> Workspace::decrypt(ByteSpan record, const DataContext& context) const {
  auto form = envelope::canonicalize(context);
  if (!form) return failure_of(form.error());
  auto id = envelope::record_data_key_id(record);
  if (!id) return failure_of(id.error());
  auto key = state_->keys.for_decryption(id.value());
  if (!key) return refusal_of(key.error());
  Bytes plaintext(record.size() - envelope::kRecordOverhead);
  auto opened = envelope::open_record(*key.value().key, key.value().compartment, form.value(), record, plaintext);
  if (!opened) return failure_of(opened.error());
  return plaintext;
}

Outcome<StreamWriter> Workspace::new_stream(StreamOutput output, const DataContext& context, unsigned threads) const {
  auto form = envelope::canonicalize(context);
  if (!form) return failure_of(form.error());
  auto key = state_->keys.for_encryption();
  if (!key) return refusal_of(key.error());
  auto cipher =
      envelope::StreamCipher::for_sealing(*key.value().key, key.value().compartment, form.value(), state_->random);
  if (!cipher) return failure_of(cipher.error());
  return StreamWriter(std::unique_ptr<StreamWriter::State>(
      new StreamWriter::State{state_, key.value(), std::move(output),
                              envelope::StreamEncryptor(std::move(cipher).value(), threads), std::nullopt}));
}

Outcome<StreamReader> Workspace::open_stream(std::uint64_t size, StreamInput input, const DataContext& context) const {
  auto form = envelope::canonicalize(context);
  if (!form) return failure_of(form.error());
  Bytes prefix(static_cast<std::size_t>(std::min<std::uint64_t>(size, envelope::kStreamPrefixSize)));
  if (auto read = input(0, prefix); !read) return read.failure();
  auto id = envelope::stream_data_key_id(prefix);
  if (!id) return failure_of(id.error());
  auto key = state_->keys.for_decryption(id.value());
  if (!key) return refusal_of(key.error());
  auto cipher = envelope::StreamCipher::for_opening(*key.value().key, key.value().compartment, form.value(), prefix);
  if (!cipher) return failure_of(cipher.error());
  auto reader = envelope::StreamReader::open(
      std::move(cipher).value(), size,
      [input = std::move(input)](std::uint64_t offset, MutableBytes out) { return result_of(input(offset, out)); });
  if (!reader) return failure_of(reader.error());
  return StreamReader(
      std::unique_ptr<StreamReader::State>(new StreamReader::State{state_, key.value(), std::move(reader).value()}));
}

Client::Client(std::shared_ptr<State> state) : state_(std::move(state)) {}

Outcome<Client> Client::create(ClientSettings settings) {
  auto server = library::make_server(std::move(settings.url), settings.api_key, std::move(settings.ca_file));
  crypto::wipe(settings.api_key);
  if (!server) return failure_of(server.error());
  return Client(std::make_shared<State>(State{std::move(server).value()}));
}

Workspace Client::workspace(std::string id) const {
  return Workspace(std::make_shared<Workspace::State>(state_->server, std::move(id)));
}

}  // namespace latchkey
