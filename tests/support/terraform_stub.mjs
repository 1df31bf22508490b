// A module whose azurerm and azuread resources are replaced by plain values, so that Terraform judges everything else of it:
// variables, conditions, expressions, the order of things. Each resource becomes a call of a module that returns its arguments,
// and beside them what the provider would have added.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const kReference = /(?<![\w.])(data\.)?(azu(?:rerm|read)_\w+)\.(\w+)((?:\[[^\]]*\])?)(\.?)/g;
const kStub = {
  variable: { given: [{ type: 'any' }], added: [{ type: 'any' }] },
  output: { it: [{ value: '${merge(var.given, var.added)}' }] },
};

const nameOf = (kind, type, name) => `${kind === 'data' ? 'data_' : ''}${type}_${name}`;

function rewritten(value) {
  if (typeof value === 'string') {
    return value.replaceAll(kReference, (_, data, type, name, index, dot) => {
      const module = `module.${nameOf(data ? 'data' : 'resource', type, name)}`;
      return dot ? `${module}${index}.it.` : `${module}${index || '[*]'}.it`;
    });
  }
  if (Array.isArray(value)) return value.map(rewritten);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rewritten(each)]));
  return value;
}

const bare = (reference) => reference.replace(/^\$\{(.*)\}$/, '$1');
const withoutValue = (reference) => bare(reference).replace(kReference, (_, data, type, name) => `module.${nameOf(data ? 'data' : 'resource', type, name)}`);

/** Writes `parsed`, a list of files as hcl2json gives them, into `folder`; `added` maps type.name to the provider's attributes.
 * It leaves variables out: the caller copies their file, which has nothing to replace. */
export function writeStubbed(parsed, added, folder) {
  mkdirSync(join(folder, 'stub'), { recursive: true });
  writeFileSync(join(folder, 'stub/main.tf.json'), JSON.stringify(kStub));
  parsed.forEach(({ resource = {}, data = {}, module = {}, output = {}, terraform: _, variable: ___, ...rest }, at) => {
    const left = { ...rewritten(rest), module: rewritten(module), output: rewritten(output), resource: {} };
    for (const [kind, types] of [['resource', resource], ['data', data]]) {
      for (const [type, named] of Object.entries(types)) {
        for (const [name, [body]] of Object.entries(named)) {
          const { count, depends_on: before, lifecycle: [lifecycle] = [{}], dynamic: __, ...given } = body;
          if (type === 'terraform_data') {
            const changed = { ...rewritten(body), ...(before ? { depends_on: before.map(withoutValue) } : {}) };
            (left.resource[type] ??= {})[name] = [changed];
            continue;
          }
          const stub = nameOf(kind, type, name);
          left.module[stub] = [{
            source: './stub',
            ...(count === undefined ? {} : { count: rewritten(count) }),
            ...(before ? { depends_on: before.map(withoutValue) } : {}),
            given: rewritten(given),
            added: added[`${kind === 'data' ? 'data.' : ''}${type}.${name}`] ?? {},
          }];
          // A check of a resource becomes a check of an output, for each of the resource's instances.
          const checks = [...(lifecycle.precondition ?? []), ...(lifecycle.postcondition ?? [])];
          checks.forEach(({ condition, error_message }, index) => {
            const all = count === undefined ? `[module.${stub}]` : `module.${stub}`;
            const of = (text) => rewritten(text).replaceAll(/\bself\./g, 'each.it.');
            const message = of(error_message).replaceAll('${each.it.', `\${${all}[0].it.`);
            left.output[`check_${stub}_${index}`] = [{
              value: true,
              precondition: [{ condition: `\${alltrue([for each in ${all} : ${bare(of(condition))}])}`, error_message: message }],
            }];
          });
        }
      }
    }
    const filled = Object.entries(left).filter(([, value]) => Object.keys(value).length > 0);
    writeFileSync(join(folder, `file${at}.tf.json`), JSON.stringify(Object.fromEntries(filled), null, 1));
  });
}
