#!/bin/sh
set -eu
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends less tzdata >/dev/null
groupadd -g 4400 bench
useradd -u 4400 -g bench -M -s /usr/sbin/nologin bench
mkdir -p /opt/bench/bin /opt/bench/conf /opt/bench/data
chown bench:bench /opt/bench /opt/bench/bin /opt/bench/conf /opt/bench/data
for number in 0 1 2 3 4 5 6 7; do
  printf 'name = %s\nlimit = %s\n' "$number" "$((number * 10))" >"/opt/bench/conf/$number.conf"
  chmod 0640 "/opt/bench/conf/$number.conf"
done
echo hello >/opt/bench/data/greeting
printf '#!/bin/sh\ncat /opt/bench/data/greeting\n' >/opt/bench/bin/greet
chmod 0755 /opt/bench/bin/greet
ln -s /opt/bench/bin/greet /usr/local/bin/greet
/usr/local/bin/greet >/dev/null
