// The fixture of tests of admin and above. It adds to audit's a fake key provider, and two organisations with their
// default workspaces and admin keys.
#pragma once

#include <array>

#include "admin/credentials.hpp"
#include "admin/external_keys.hpp"
#include "admin/workspaces.hpp"
#include "audit/testing/audit_fixture.hpp"
#include "testing/fake_key_provider.hpp"
#include "testing/memory_cloud.hpp"

namespace latchkey::admin::testing {

using audit::testing::text_of;
using latchkey::testing::RepeatableRandom;

class AdminFixture : public audit::testing::AuditFixture {
 public:
  explicit AdminFixture(std::int64_t max_pages = 0) : AuditFixture(max_pages, kms::testing::memory_place) {
    credentials.emplace(store(), clock, random);
    rebuild();
    own = run(credentials->create_organization("Acme", std::nullopt)).value();
    other = run(credentials->create_organization("Other", std::nullopt)).value();
    set_callers(caller_of(own), caller_of(other));
    clock.advance(std::chrono::seconds(1));
  }

  // To be called after `settings` changed.
  void rebuild() {
    keys.emplace(store(), provider, clouds, clock, random, settings);
    workspaces.emplace(store(), provider, clouds, clock, random, settings);
  }

  [[nodiscard]] static NewExternalKey new_key(std::string name = "cmek") {
    return {.display_name = name, .geo = "us", .key = kms::testing::memory_key("contoso", std::move(name))};
  }
  [[nodiscard]] ExternalKeyView make_key(std::string name = "cmek") {
    clock.advance(std::chrono::seconds(1));
    return run(keys->create(admin(), new_key(std::move(name)))).value();
  }
  [[nodiscard]] store::Workspace make_workspace(std::string name = "Prod") {
    clock.advance(std::chrono::seconds(1));
    NewWorkspace workspace;
    workspace.name = std::move(name);
    return run(workspaces->create(admin(), std::move(workspace))).value();
  }
  [[nodiscard]] Result<store::Workspace> attach(const std::string& workspace_id, const std::string& key_id) {
    return run(attach_task(workspace_id, key_id));
  }
  [[nodiscard]] Task<Result<store::Workspace>> attach_task(const std::string& workspace_id, const std::string& key_id) {
    WorkspaceChange change;
    change.external_key_id = key_id;
    return workspaces->update(admin(), workspace_id, std::move(change));
  }

 private:
  [[nodiscard]] static audit::Caller caller_of(const OrganizationCreated& organization) {
    return AuditFixture::caller_of(organization.organization.id, organization.admin_key.row.id);
  }

 public:
  // The types of clouds that the API's contract names and this server does not serve.
  static constexpr std::array<std::string_view, 2> kOtherTypes{"aws", "gcp"};
  FakeKeyProvider provider;
  // Reads keys, and asks none.
  kms::Providers clouds{nullptr, {std::make_shared<kms::testing::MemoryProvider>()}, kOtherTypes};
  AdminSettings settings;
  std::optional<Credentials> credentials;
  std::optional<ExternalKeys> keys;
  std::optional<Workspaces> workspaces;
  OrganizationCreated own;
  OrganizationCreated other;
};

}  // namespace latchkey::admin::testing
