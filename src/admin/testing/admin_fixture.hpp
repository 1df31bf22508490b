// The fixture of tests of admin and above. It adds to audit's a fake key provider, and two organisations with their
// default workspaces and admin keys.
#pragma once

#include "admin/credentials.hpp"
#include "admin/external_keys.hpp"
#include "admin/workspaces.hpp"
#include "audit/testing/audit_fixture.hpp"
#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_provider.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "testing/fake_key_provider.hpp"

namespace latchkey::admin::testing {

using audit::testing::text_of;
using latchkey::testing::RepeatableRandom;

class AdminFixture : public audit::testing::AuditFixture {
 public:
  explicit AdminFixture(std::int64_t max_pages = 0) : AuditFixture(max_pages) {
    credentials.emplace(store(), clock, random);
    rebuild();
    own = run(credentials->create_organization("Acme", std::nullopt)).value();
    other = run(credentials->create_organization("Other", std::nullopt)).value();
    set_callers(caller_of(own), caller_of(other));
    clock.advance(std::chrono::seconds(1));
  }

  // After `settings` were changed.
  void rebuild() {
    keys.emplace(store(), provider, clouds, clock, random, settings);
    workspaces.emplace(store(), provider, clouds, clock, random, settings);
  }

  [[nodiscard]] static std::shared_ptr<const kms::Key> azure_registration(std::string vault_uri, std::string name) {
    return std::make_shared<const ::latchkey::clouds::azure::AzureKey>(::latchkey::clouds::azure::AzureKeyConfig{
        std::move(vault_uri), std::move(name), "72f988bf-86f1-41af-91ab-2d7cd011db47", std::nullopt});
  }
  [[nodiscard]] static NewExternalKey azure_key(std::string name = "cmek") {
    return {.display_name = name,
            .geo = "us",
            .key = azure_registration("https://contoso.vault.azure.net/", std::move(name))};
  }
  [[nodiscard]] ExternalKeyView make_key(std::string name = "cmek") {
    clock.advance(std::chrono::seconds(1));
    return run(keys->create(admin(), azure_key(std::move(name)))).value();
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
  FakeKeyProvider provider;
  // Reads keys, and asks none.
  kms::Providers clouds{
      nullptr,
      {::latchkey::clouds::azure::make_azure_provider(::latchkey::clouds::azure::public_cloud_suffixes(), nullptr)}};
  AdminSettings settings;
  std::optional<Credentials> credentials;
  std::optional<ExternalKeys> keys;
  std::optional<Workspaces> workspaces;
  OrganizationCreated own;
  OrganizationCreated other;
};

}  // namespace latchkey::admin::testing
