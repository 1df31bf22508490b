#include "latchkey/client.hpp"

#include <system_error>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "envelope/record.hpp"
#include "envelope/stream.hpp"
#include "library/http_lease_source.hpp"
#include "library/leased_keys.hpp"
#include "library/refusals.hpp"
#include "library/stream_keys.hpp"
#include "library/sweeper.hpp"

namespace latchkey {

namespace library {

// All handles of a client share this.
struct Connection {
  SystemClock clock;
  std::shared_ptr<const ServerClient> server;
  std::unique_ptr<Sweeper> sweeper;
};

}  // namespace library

namespace {

using library::LeasedKeys;
using library::StreamKeys;

FailureKind kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::WrongKey:
      return FailureKind::WrongKey;
    case ErrorCode::Corrupt:
      return FailureKind::Corrupt;
    case ErrorCode::KeyDenied:
      return FailureKind::Refused;
    case ErrorCode::Internal:
      return FailureKind::Failed;
    case ErrorCode::Unavailable:
    case ErrorCode::KeyUnreachable:
    case ErrorCode::DeadlineExceeded:
      return FailureKind::Unreachable;
    default:
      return FailureKind::Invalid;
  }
}

Failure failure_of(const Error& error) {
  return {kind_of(error.code), std::string(error.reason.code()), error.message()};
}

// A refusal by the lease source is a refusal also where its code is that of a wrong request: the server refused the API
// key, or the workspace.
Error as_refusal(Error error) {
  if (kind_of(error.code) == FailureKind::Invalid) error.code = ErrorCode::KeyDenied;
  return error;
}

Failure refusal_of(const Error& error) {
  return failure_of(as_refusal(error));
}

Done done_or(const Result<void>& result) {
  return result ? Done(std::monostate()) : Done(failure_of(result.error()));
}

Result<void> result_of(const Done& done) {
  if (done) return success();
  return Error{ErrorCode::Internal, done.failure().message, Reason::reported(done.failure().reason)};
}

// Runs one use of a stream, between StreamKeys' begin and end.
template <class Value, class Work>
Outcome<Value> use(StreamKeys& keys, const Work& work) {
  if (auto begun = keys.begin(); !begun) return refusal_of(begun.error());
  struct End {
    StreamKeys& keys;
    ~End() { keys.end(); }
  } end{keys};
  return work();
}

Result<void> may_go_on(StreamKeys& keys) {
  auto kept = keys.may_go_on();
  if (!kept) return as_refusal(kept.error());
  return success();
}

}  // namespace

struct Client::State {
  std::shared_ptr<library::Connection> connection;
};

struct Workspace::State {
  State(std::shared_ptr<library::Connection> its_connection, std::string id)
      : connection(std::move(its_connection)),
        workspace_id(std::move(id)),
        source(connection->server, connection->clock, workspace_id) {
    connection->sweeper->add(keys);
    refusals.add({keys, connection->server->url(), workspace_id, connection->server->api_key()});
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    refusals.remove(keys);
    connection->sweeper->remove(keys);
  }

  std::shared_ptr<library::Connection> connection;
  std::string workspace_id;
  library::Refusals& refusals = library::Refusals::of_this_process();
  crypto::SystemRandom random;
  library::HttpLeaseSource source;
  LeasedKeys keys{source,
                  connection->clock,
                  {.on_lease = [this] { connection->sweeper->wake(); },
                   .on_refusal = [this](const library::Refusal& refusal) { refusals.tell(keys, refusal); }}};
};

struct StreamWriter::State {
  State(std::shared_ptr<Workspace::State> its_workspace, const RawId& id, envelope::CanonicalContext context,
        StreamOutput its_output, envelope::StreamCipher cipher, unsigned threads)
      : workspace(std::move(its_workspace)),
        output(std::move(its_output)),
        encryptor(std::move(cipher), threads),
        keys(workspace->keys, id, std::move(context), encryptor.cipher()) {}

  std::shared_ptr<Workspace::State> workspace;
  StreamOutput output;
  envelope::StreamEncryptor encryptor;
  StreamKeys keys;
  std::optional<Failure> ended;

  Done run(const std::function<Result<void>(const envelope::StreamSink&)>& step) {
    if (ended) return *ended;
    std::optional<Failure> output_failure;
    auto sink = [&](ByteView bytes) -> Result<void> {
      LATCHKEY_TRYV(may_go_on(keys));
      auto written = output(bytes);
      if (!written) output_failure = written.failure();
      return result_of(written);
    };
    auto done = use<std::monostate>(keys, [&] { return done_or(step(sink)); });
    if (done) return done;
    ended = output_failure ? *output_failure : done.failure();
    return *ended;
  }
};

struct StreamReader::State {
  State(std::shared_ptr<Workspace::State> its_workspace, const RawId& id, envelope::CanonicalContext context,
        envelope::StreamReader its_reader)
      : workspace(std::move(its_workspace)),
        reader(std::move(its_reader)),
        keys(workspace->keys, id, std::move(context), reader.cipher()) {}

  std::shared_ptr<Workspace::State> workspace;
  envelope::StreamReader reader;
  mutable StreamKeys keys;
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
  auto read = use<std::size_t>(state_->keys, [&]() -> Outcome<std::size_t> {
    auto filled = state_->reader.read(offset, out);
    if (!filled) return failure_of(filled.error());
    return filled.value();
  });
  if (!read) crypto::wipe(out);
  return read;
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
  try {
    return StreamWriter(std::make_unique<StreamWriter::State>(state_, key.value().key->id(), std::move(form).value(),
                                                              std::move(output), std::move(cipher).value(), threads));
  } catch (const std::system_error& error) {
    return Failure{FailureKind::Failed, "",
                   fmt::format("the threads that seal the stream could not be started: {}", error.code().message())};
  }
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
  auto read_at = [input = std::move(input), keys = &state_->keys, id = id.value()](std::uint64_t offset,
                                                                                   MutableBytes out) -> Result<void> {
    if (auto kept = keys->keep(id); !kept) return as_refusal(kept.error());
    return result_of(input(offset, out));
  };
  auto reader = envelope::StreamReader::open(std::move(cipher).value(), size, std::move(read_at));
  if (!reader) return failure_of(reader.error());
  return StreamReader(
      std::make_unique<StreamReader::State>(state_, id.value(), std::move(form).value(), std::move(reader).value()));
}

Client::Client(std::shared_ptr<State> state) : state_(std::move(state)) {}

Outcome<Client> Client::create(ClientSettings settings) {
  auto server = library::connect(std::move(settings.url), settings.api_key, std::move(settings.ca_file));
  crypto::wipe(settings.api_key);
  if (!server) {
    auto failure = failure_of(server.error());
    // No server was called yet: this process lacks something.
    if (failure.kind == FailureKind::Unreachable) failure.kind = FailureKind::Failed;
    return failure;
  }
  auto connection = std::make_shared<library::Connection>();
  auto sweeper = library::Sweeper::start(connection->clock);
  if (!sweeper) return Failure{FailureKind::Failed, "", sweeper.error().message()};
  connection->server = std::move(server).value();
  connection->sweeper = std::move(sweeper).value();
  return Client(std::make_shared<State>(State{std::move(connection)}));
}

Workspace Client::workspace(std::string id) const {
  return Workspace(std::make_shared<Workspace::State>(state_->connection, std::move(id)));
}

}  // namespace latchkey
