#include "server/open_store.hpp"

#include <filesystem>

#include "base/file.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace latchkey::server {

namespace {

Result<void> make_folder_of(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? Result<void>(success()) : make_folder(folder, 0700);
}

// The sealer stores the root keys that it reads in `keys`.
store::SqliteOptions options_of(const ServerConfig& config, RandomSource& random, kms::RootKeys& keys) {
  store::SqliteOptions options;
  options.path = config.database;
  options.read_timeout = config.query_timeout;
  options.write_timeout = 3 * config.query_timeout;
  options.sealer = [&](const store::StoreState& state) -> Result<std::shared_ptr<const store::RowSealer>> {
    auto missing = state.empty && !state.root_key ? kms::IfMissing::Make : kms::IfMissing::Refuse;
    LATCHKEY_TRY(keys, kms::read_root_keys(config.root_key_file, random, missing));
    return kms::make_row_sealer(keys, config.root_key_file);
  };
  options.key_place = key_places(config);
  return options;
}

Result<void> make_folders(const ServerConfig& config) {
  LATCHKEY_TRYV(make_folder_of(config.database));
  return make_folder_of(config.root_key_file);
}

}  // namespace

Result<OpenedStore> open_store(const ServerConfig& config, RandomSource& random, store::AlarmSink alarm) {
  LATCHKEY_TRYV(make_folders(config));
  OpenedStore opened;
  auto options = options_of(config, random, opened.root_keys);
  options.alarm = std::move(alarm);
  LATCHKEY_TRY(opened.store, store::open_sqlite_store(std::move(options)));
  return opened;
}

Result<store::SealCounts> seal_store(const ServerConfig& config, RandomSource& random) {
  LATCHKEY_TRYV(make_folders(config));
  kms::RootKeys keys;
  return store::seal_sqlite_store(options_of(config, random, keys));
}

}  // namespace latchkey::server
