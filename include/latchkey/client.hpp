// Latchkey for your own program: data keys on lease from a Latchkey server, encryption in your own process.
//
//   auto client = latchkey::Client::create({.url = "https://keys.example.com", .api_key = key});
//   auto workspace = client.value().workspace("wrkspc_01...");
//   auto sealed = workspace.encrypt(bytes, {{"table", "users"}});
//
// The server decides who may, and the customer's key decides whether anybody may: a leased key is asked for again every
// `keyring.soft` (60 s), a little ahead of time; one that is refused is wiped at once, with all that was derived from
// it; while the server cannot be reached, what is left of the lease is used up. A lease that is over is wiped, too,
// where nobody asks for it: by a thread that each client has. Nothing throws but std::bad_alloc. The formats are
// docs/format.md's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#define LATCHKEY_EXPORT __attribute__((visibility("default")))

namespace latchkey {

enum class FailureKind {
  Invalid,      // the call is wrong: another argument cures it
  Refused,      // the server or the customer's key says no: do not retry
  Unreachable,  // nobody could be asked, and the lease is over: retry later
  WrongKey,     // made with another data key, or, for streams, for another workspace or with another context
  Corrupt,      // damaged or cut off; for records, also of another workspace or context
  Failed,       // the system has no more threads, or what you gave to read from or write to has failed
};

struct Failure {
  FailureKind kind = FailureKind::Invalid;
  std::string reason;   // a stable name of docs/errors.md; may be empty
  std::string message;  // for a person: what happened, to what, and the cure; never a secret
};

template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : either_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : either_(std::in_place_index<1>, std::move(failure)) {}

  [[nodiscard]] explicit operator bool() const { return either_.index() == 0; }
  // Only where there is one: std::bad_variant_access otherwise.
  [[nodiscard]] T& value() & { return std::get<0>(either_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(either_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(either_)); }
  [[nodiscard]] const Failure& failure() const { return std::get<1>(either_); }

 private:
  std::variant<T, Failure> either_;
};
using Done = Outcome<std::monostate>;

using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;
// Bound to the data and not stored: the same is needed to decrypt. At most 8 KiB of UTF-8.
using DataContext = std::map<std::string, std::string>;

struct ClientSettings {
  std::string url;      // "https://keys.example.com"
  std::string api_key;  // of the role service or workspace
  std::string ca_file;  // PEM of the authorities to trust instead of the system's; may be empty
};

// Where a stream goes, piece by piece and in order. A failure ends the call that made it.
using StreamOutput = std::function<Done(ByteSpan)>;
// Fills all of `out` from byte `offset` of a stream on.
using StreamInput = std::function<Done(std::uint64_t offset, MutableByteSpan out)>;

// Plaintext in, stream out; without finish, what went out is no stream. Movable; one thread at a time. After a failure,
// and after finish, every call fails. A refusal of the key ends it before its next piece, also within a call.
class LATCHKEY_EXPORT StreamWriter {
 public:
  StreamWriter(StreamWriter&&) noexcept;
  StreamWriter& operator=(StreamWriter&&) noexcept;
  ~StreamWriter();
  Done write(ByteSpan plaintext);
  Done finish();

 private:
  friend class Workspace;
  struct State;
  explicit StreamWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Any part of a stream, at any place; nothing comes out that was not checked. Movable; thread-safe where its input is.
// A refusal of the key ends a read before its next piece; the next read asks again.
class LATCHKEY_EXPORT StreamReader {
 public:
  StreamReader(StreamReader&&) noexcept;
  StreamReader& operator=(StreamReader&&) noexcept;
  ~StreamReader();
  [[nodiscard]] std::uint64_t size() const;  // of the plaintext
  // Fills `out` from the plaintext's byte `offset` on, and says how much of it: less than all at the end alone. `out`
  // is zeroed where it fails.
  Outcome<std::size_t> read(std::uint64_t offset, MutableByteSpan out) const;

 private:
  friend class Workspace;
  struct State;
  explicit StreamReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One workspace's data. A handle: copies share what it has on lease. Thread-safe.
class LATCHKEY_EXPORT Workspace {
 public:
  struct State;

  // A record: 92 bytes longer than its plaintext.
  Outcome<std::vector<std::uint8_t>> encrypt(ByteSpan plaintext, const DataContext& context = {}) const;
  // Wipe the plaintext when you are done with it. A data key that the workspace does not have is not asked for again
  // for 10 s, however many records name it.
  Outcome<std::vector<std::uint8_t>> decrypt(ByteSpan record, const DataContext& context = {}) const;

  // A stream of any size, sealed with `threads` at once; `output` is called from the thread that calls. Failed where
  // the system has no more threads.
  Outcome<StreamWriter> new_stream(StreamOutput output, const DataContext& context = {}, unsigned threads = 1) const;
  // A stream of `size` bytes; its end is checked first.
  Outcome<StreamReader> open_stream(std::uint64_t size, StreamInput input, const DataContext& context = {}) const;

 private:
  friend class Client;
  explicit Workspace(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// The way to a server. A handle: copies share connections, and two threads that end with the last handle, workspaces
// and streams included. Thread-safe. Not to be used in a forked child of a process that has used it: its leased keys
// are empty there, and its threads are not there.
class LATCHKEY_EXPORT Client {
 public:
  // Invalid where the settings cannot be used, Failed where the system has no more threads; no server is asked yet.
  static Outcome<Client> create(ClientSettings settings);
  // Workspaces are not looked up here: one that is not there is told by its first use.
  [[nodiscard]] Workspace workspace(std::string id) const;

 private:
  struct State;
  explicit Client(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace latchkey
