#include "server/storage.hpp"

#include "server/open_store.hpp"

namespace latchkey::server {

Result<Storage> open_storage(const ServerTools& tools) {
  auto alarms = std::make_unique<admin::IntegrityAlarms>(tools.clock, tools.random);
  auto raise = [alarms = alarms.get()](const store::IntegrityAlarm& alarm) { alarms->raise(alarm); };
  LATCHKEY_TRY(auto opened, open_store(tools.config, tools.random, std::move(raise)));
  return Storage{.integrity_alarms = std::move(alarms),
                 .store = std::move(opened.store),
                 .root_keys = std::move(opened.root_keys)};
}

}  // namespace latchkey::server
