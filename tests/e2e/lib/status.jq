# Names for the parts of `rmqtop status --format json`, for the cases' filters.

def node($n): .nodes[] | select(.name == "rabbit@rabbit-\($n)");
def balancer($h): .load_balancers[] | select(.host == "rabbit-\($h)");
def servers($n): [.load_balancers[].servers[] | select(.name == "mq-\($n)")];
def vip: .vips[0];
def holders: vip.holders | map(ltrimstr("rabbit-"));
def source($kind; $h): .sources[] | select(.source == $kind and .host == "rabbit-\($h)");

# A status in few lines, for a person who asks why a case failed; other JSON as it is.
def digest:
  if type == "object" and has("load_balancers") then
    (.nodes[] | {name, state, type, draining, version, memory_used, memory_limit, disk_free, uptime_ms, evidence}),
    (.load_balancers[] | {host, state, servers: [.servers[] | "\(.name) \(.status) \(.node)"]}),
    (.vips[] | {address, verdict, holders, expected, evidence}),
    (.sources[] | select(.error) | {source, host, age_ms, error}),
    (.findings[] | {id, severity, title})
  else . end;
