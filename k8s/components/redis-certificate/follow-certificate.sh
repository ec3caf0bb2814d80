#!/bin/sh
# Runs beside Redis in its container, and makes it take renewed certificates without a restart:
#   follow-certificate.sh redis FOLDER PASSWORD-FILE
# FOLDER has tls.crt, tls.key and ca.crt; the file has the password of the user `certificates`.
#
# A Sentinel cannot load a certificate while it runs. So this ends it, and its container starts again: one pod after the
# other, a minute apart, so that two of three Sentinels always answer:
#   follow-certificate.sh sentinel FOLDER
#
# It looks at the content each minute, because the times of files say nothing in a volume of Kubernetes.
set -u
program=$1 folder=$2 every=${CCSP_CERTIFICATE_LOOK_SECONDS:-60}

content() { cat "$folder/tls.crt" "$folder/tls.key" "$folder/ca.crt" 2>&1 | sha256sum; }

case $program in
  redis)
    # The name in the certificate is not checked, because the one in use may have expired. This is the own container.
    set_files() {
      REDISCLI_AUTH=$(cat "$1") redis-cli --user certificates --tls --insecure -h 127.0.0.1 -p "${CCSP_REDIS_PORT:-6379}" config set \
        tls-cert-file "$folder/tls.crt" tls-key-file "$folder/tls.key" tls-ca-cert-file "$folder/ca.crt" 2>&1
    }
    # Nobody knows which content Redis has read at its start, so the first look sets the files in any case.
    taken='' told=''
    while sleep "$every"; do
      found=$(content)
      [ "$found" != "$taken" ] || continue
      # While the certificate and the key do not belong together, Redis refuses both and keeps what it has.
      answer=$(set_files "$3")
      if [ "$answer" = OK ]; then
        # If the files changed meanwhile, nobody knows which of them Redis has read. The next look sets them again.
        [ "$(content)" = "$found" ] || continue
        [ -z "$taken$told" ] || echo "Redis has taken the certificate in $folder"
        taken=$found told=''
      elif [ "$answer" != "$told" ]; then
        echo "Redis has not taken the certificate in $folder, and is asked again: $answer"
        told=$answer
      fi
    done
    ;;
  sentinel)
    taken=$(content)
    while sleep "$every"; do
      [ "$(content)" != "$taken" ] || continue
      before=${HOSTNAME##*-}
      while [ "$before" -gt 0 ]; do
        sleep "$every"
        before=$((before - 1))
      done
      echo "the certificate in $folder is another: this Sentinel starts again with it"
      kill -TERM "${CCSP_SENTINEL_PID:-1}"
      exit
    done
    ;;
esac
