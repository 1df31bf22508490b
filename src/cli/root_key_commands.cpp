#include <atomic>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "admin/root_key_rotation.hpp"
#include "base/task.hpp"
#include "cli/command.hpp"
#include "cli/serve_options.hpp"
#include "crypto/random.hpp"
#include "kms/local/local_key_provider.hpp"
#include "server/open_store.hpp"
#include "terminal/progress_bar.hpp"

namespace latchkey::cli {

namespace {

struct RootKeyOptions {
  ServeOptions serve;
  OutputFormat format = OutputFormat::Text;
};

boost::json::array versions_of(const kms::RootKeys& keys) {
  boost::json::array versions;
  for (const auto& key : keys) versions.emplace_back(key.version);
  return versions;
}

boost::json::object counts_json(const admin::RootKeyRotationCounts& counts) {
  return {{"data_keys", counts.data_keys},
          {"webhook_secrets", counts.webhook_secrets},
          {"rows", counts.rows},
          {"left", counts.left}};
}

constexpr std::string_view kLeft =
    "{} rows do not verify, or could not be moved, and stay under an older root key: keep it, and see docs/operate.md, "
    "\"When a row does not verify\".\n";

// The root key file, and the store that is sealed under it.
struct Opened {
  server::ServerConfig config;
  server::OpenedStore store;
};

Result<Opened> open(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto config, load_config(options.serve));
  LATCHKEY_TRY(auto store, server::open_store(config, random, {}));
  return Opened{std::move(config), std::move(store)};
}

Result<admin::RootKeyRotationCounts> rotate_all(Opened& opened, kms::RootKeys keys, RandomSource& random, bool moves) {
  SystemClock clock;
  LATCHKEY_TRY(auto provider, kms::make_local_key_provider(std::move(keys), opened.config.root_key_file, random));
  admin::RootKeyRotation rotation(*opened.store.store, *provider, clock);
  if (!moves) return run_blocking(rotation.look());
  std::atomic<std::uint64_t> done = 0;
  terminal::ProgressBar bar("moving to the new root key", done, std::nullopt, terminal::ProgressUnit::Items);
  return run_blocking(rotation.run([&](const admin::RootKeyRotationCounts& counts) {
    done = static_cast<std::uint64_t>(counts.data_keys + counts.webhook_secrets + counts.rows);
  }));
}

Result<boost::json::object> list(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto opened, open(options, random));
  if (options.format == OutputFormat::Text) {
    bool newest = true;
    for (const auto& key : opened.store.root_keys) {
      std::cout << key.version << (std::exchange(newest, false) ? "  newest: wraps and seals" : "  opens what is older")
                << '\n';
    }
  }
  return boost::json::object{{"type", "root_keys"}, {"versions", versions_of(opened.store.root_keys)}};
}

Result<boost::json::object> rotate(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto opened, open(options, random));
  LATCHKEY_TRY(auto keys, kms::add_root_key(opened.config.root_key_file, random));
  auto versions = versions_of(keys);
  auto newest = keys.front().version;
  LATCHKEY_TRY(auto counts, rotate_all(opened, std::move(keys), random, true));
  if (options.format == OutputFormat::Text) {
    std::cout << fmt::format(
        "{} is the root key now: {} data keys and {} webhook secrets were wrapped by it, {} rows "
        "sealed. Back up {}, then drop the older: latchkey root-key prune\n",
        newest, counts.data_keys, counts.webhook_secrets, counts.rows, opened.config.root_key_file);
    if (counts.left > 0) std::cerr << fmt::format(fmt::runtime(kLeft), counts.left);
  }
  auto json = counts_json(counts);
  json["type"] = "root_key_rotated";
  json["versions"] = std::move(versions);
  return json;
}

Result<boost::json::object> prune(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto opened, open(options, random));
  LATCHKEY_TRY(auto keys, kms::read_root_keys(opened.config.root_key_file, random, kms::IfMissing::Refuse));
  // A server may have written under the older key at the last moment.
  LATCHKEY_TRY(auto counts, rotate_all(opened, std::move(keys), random, true));
  if (counts.left > 0) {
    return Error{
        ErrorCode::Conflict,
        fmt::format("{} rows are under an older root key and do not verify, so that it cannot be dropped", counts.left),
        {},
        "See docs/operate.md, \"When a row does not verify\"."};
  }
  LATCHKEY_TRY(auto kept, kms::keep_newest_root_key(opened.config.root_key_file, random));
  if (options.format == OutputFormat::Text) {
    std::cout << fmt::format(
        "{} is the only root key. Backups of the database from before need the file from before.\n",
        kept.front().version);
  }
  return boost::json::object{{"type", "root_keys"}, {"versions", versions_of(kept)}};
}

Result<boost::json::object> check(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto opened, open(options, random));
  LATCHKEY_TRY(auto counts, run_blocking(opened.store.store->check_seals()));
  if (options.format == OutputFormat::Text) {
    std::cout << fmt::format("{} rows verify, {} do not\n", counts.sealed, counts.refused);
  }
  if (counts.refused > 0 && options.format == OutputFormat::Text) {
    std::cerr << "See docs/operate.md, \"When a row does not verify\".\n";
  }
  return boost::json::object{{"type", "seal_check"}, {"right", counts.sealed}, {"refused", counts.refused}};
}

Result<boost::json::object> seal(const RootKeyOptions& options, RandomSource& random) {
  LATCHKEY_TRY(auto config, load_config(options.serve));
  LATCHKEY_TRY(auto counts, server::seal_store(config, random));
  if (options.format == OutputFormat::Text) {
    std::cout << fmt::format("{} rows are sealed. From now on only what Latchkey writes is believed.\n", counts.sealed);
  }
  return boost::json::object{{"type", "database_sealed"}, {"rows", counts.sealed}, {"refused", counts.refused}};
}

using Work = Result<boost::json::object> (*)(const RootKeyOptions&, RandomSource&);

void add(CLI::App& group, Chosen& chosen, const std::string& name, const std::string& summary, Work work) {
  auto options = std::make_shared<RootKeyOptions>();
  auto* command = add_command(group, name, summary,
                              {fmt::format("latchkey root-key {} --config /etc/latchkey/latchkey.toml", name)});
  add_config_options(*command, options->serve);
  add_output_option(*command, options->format);
  auto act = [options, work] {
    crypto::SystemRandom random;
    auto done = work(*options, random);
    if (!done) return report_error(done.error(), options->format);
    if (options->format == OutputFormat::Json) print_json(done.value());
    const auto* refused = done.value().if_contains("refused");
    return refused != nullptr && refused->to_number<std::int64_t>() > 0 ? ExitCode::Failed : ExitCode::Ok;
  };
  command->callback([&chosen, act] { chosen.action = act; });
}

}  // namespace

void add_root_key_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "root-key", "The platform's own root key, on the server's own machine");
  add(*group, chosen, "list", "List the keys of the root key file, the newest first", list);
  add(*group, chosen, "rotate", "Make a new root key, and move all that is under the older ones to it", rotate);
  add(*group, chosen, "prune", "Drop the older root keys, once nothing is under them", prune);
  add(*group, chosen, "check", "Verify the seal of every row of the database", check);
  add(*group, chosen, "seal", "Seal, once, a database of a release from before rows were sealed", seal);
}

}  // namespace latchkey::cli
