// The page of a KMS without keys. What the server says is only ever shown as text.
'use strict';

const element = (id) => document.getElementById(id);

function headers() {
  const token = element('token').value;
  const result = { 'Content-Type': 'application/json' };
  if (token) result.Authorization = `Bearer ${token}`;
  return result;
}

async function call(method, request) {
  const response = await fetch(`prpc/Onboard.${method}?json`, {
    method: 'POST', headers: headers(), body: JSON.stringify(request),
  });
  const answer = await response.json();
  if (answer && answer.error) throw new Error(answer.error);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return answer;
}

const prefixed = (hex) => `0x${hex || ''}`;

function showFacts(facts) {
  const rows = [
    ['TEE', facts.tee_variant],
    ['PPID', facts.ppid],
    ['Device id', prefixed(facts.device_id)],
    ['mr_aggregated', prefixed(facts.mr_aggregated)],
    ['OS image hash', prefixed(facts.os_image_hash)],
    ['ETH RPC URL', facts.eth_rpc_url],
    ['KMS contract', facts.kms_contract_address],
  ];
  element('about').replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => {
    const term = document.createElement('dt');
    const text = document.createElement('dd');
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
  element('about-state').hidden = true;
  if (!facts.site_name) return;
  element('title').textContent = facts.site_name;
  document.title = facts.site_name;
}

async function loadFacts() {
  try {
    showFacts(await call('GetAttestationInfo', {}));
  } catch (error) {
    element('about-state').textContent = `No attestation: ${error.message}`;
  }
}

function showResult(text, { failed = false, json = null, finish = false } = {}) {
  element('result').hidden = false;
  element('result-text').textContent = text;
  element('result-text').classList.toggle('failed', failed);
  element('result-json').hidden = json === null;
  element('result-json').textContent = json === null ? '' : json;
  element('finish').hidden = !finish;
}

// What setKmsInfo of the contract takes.
function kmsInfo(answer) {
  return JSON.stringify({
    caPubkey: prefixed(answer.ca_pubkey),
    k256Pubkey: prefixed(answer.k256_pubkey),
    quote: prefixed(answer.quote),
    eventlog: prefixed(answer.eventlog),
  }, null, 2);
}

function onSubmit(id, run) {
  const form = element(id);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    showResult('Working…');
    try {
      await run(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showResult(error.message, { failed: true });
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit('bootstrap', async ({ domain }) => {
  const answer = await call('Bootstrap', { domain });
  showResult('New keys are stored. For setKmsInfo of the contract:', { json: kmsInfo(answer), finish: true });
});

onSubmit('onboard', async ({ source_url, domain }) => {
  const answer = await call('Onboard', { source_url: `${source_url.replace(/\/+$/, '')}/prpc`, domain });
  showResult('The keys were taken over. Root k256 public key:', { json: prefixed(answer.k256_pubkey), finish: true });
});

element('finish').addEventListener('click', async () => {
  const response = await fetch('finish', { headers: headers() });
  const text = await response.text();
  showResult(response.ok ? 'The KMS starts serving now.' : text, { failed: !response.ok });
});

element('token').addEventListener('change', loadFacts);
loadFacts();
