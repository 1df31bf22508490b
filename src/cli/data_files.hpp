// Encrypts or decrypts one file: on this machine under a leased data key, as a stream of any size; or at the server, as
// a record, for small files.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "cli/connection.hpp"
#include "envelope/context.hpp"
#include "library/leased_keys.hpp"

namespace latchkey::cli {

inline constexpr std::string_view kStandardStream = "-";

enum class Direction { Encrypt, Decrypt };
[[nodiscard]] std::string_view verb(Direction direction);

enum class Where {
  Anywhere,  // here, where the server leases out data keys; otherwise at the server
  Here,
  Server,
};

struct DataFileOptions {
  std::string workspace_id;
  envelope::Context context;
  std::string output;  // empty: FILE.lk, or FILE without .lk
  bool replace = false;
  Where where = Where::Anywhere;
  unsigned threads = 1;
};

// Leases the server's data keys through the command line's own client.
class ApiLeaseSource final : public library::LeaseSource {
 public:
  // `client` and `clock` outlive it.
  ApiLeaseSource(ApiClient& client, const Clock& clock, std::string workspace_id)
      : client_(client), clock_(clock), workspace_id_(std::move(workspace_id)) {}
  [[nodiscard]] Result<library::LeasedKey> active_key() override;
  [[nodiscard]] Result<library::LeasedKey> key(const RawId& id) override;
  [[nodiscard]] Result<void> check(const RawId& id) override;

 private:
  [[nodiscard]] Result<library::LeasedKey> ask(const std::string& path);
  ApiClient& client_;
  const Clock& clock_;
  std::string workspace_id_;
};

class DataFiles {
 public:
  DataFiles(ApiClient& client, DataFileOptions options)
      : client_(client),
        options_(std::move(options)),
        source_(client, clock_, options_.workspace_id),
        keys_(source_, clock_) {}

  // Returns what was done, as -o json shows it. Where it fails, it leaves no output file; what it wrote to standard
  // output ends where the error is. The message does not name the file.
  [[nodiscard]] Result<boost::json::object> process(Direction direction, const std::string& file);

 private:
  class Output;
  [[nodiscard]] Result<std::string> output_for(Direction direction, const std::string& file) const;
  [[nodiscard]] Result<std::string> encrypt(int in, const Output& out, const std::string& file);
  [[nodiscard]] Result<std::string> decrypt(int in, const Output& out, const std::string& file);
  [[nodiscard]] Result<std::string> by_server(Direction direction, Bytes beginning, int in, const Output& out);

  ApiClient& client_;
  DataFileOptions options_;
  SystemClock clock_;
  ApiLeaseSource source_;
  library::LeasedKeys keys_;
};

}  // namespace latchkey::cli
