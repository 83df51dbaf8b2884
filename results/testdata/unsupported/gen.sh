#!/bin/bash
# Makes the certificates beside it, with openssl 3.0, in the directory it is run in.
set -e
cat > ext.cnf <<X
[ca]
basicConstraints=critical,CA:TRUE
subjectKeyIdentifier=hash
[leaf]
subjectAltName=DNS:a.test
X
req() { openssl req -new -key $1.key -subj "/CN=$1" -out $1.csr; }
root() { openssl x509 -req -in $1.csr -signkey $1.key -days 36500 -extfile ext.cnf -extensions ca -out $1.pem; }
by() { openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -days 36500 -extfile ext.cnf -extensions $3 -set_serial $RANDOM $4 -out $1.pem; }
openssl ecparam -name prime256v1 -genkey -noout -out root.key; req root; root root
openssl ecparam -name brainpoolP256r1 -genkey -noout -out brainpool.key; req brainpool; by brainpool root ca
openssl ecparam -name prime256v1 -genkey -noout -out leaf.key; req leaf
by leaf brainpool leaf; cat leaf.pem brainpool.pem > brainpool-chain.pem
openssl genpkey -algorithm ed448 -out ed448.key; req ed448; by ed448 root ca; by leaf ed448 leaf; cat leaf.pem ed448.pem > ed448-chain.pem
openssl genpkey -algorithm ed448 -out ed448root.key; req ed448root; root ed448root; by leaf ed448root leaf; cp leaf.pem ed448root-chain.pem
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.key; req pss; by pss root ca; by leaf pss leaf; cat leaf.pem pss.pem > pss-chain.pem
# An algorithm that Go has no name for, and nobody takes.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsaroot.key; req rsaroot; root rsaroot
openssl ecparam -name prime256v1 -genkey -noout -out inter.key; req inter
by inter rsaroot ca "-sha1 -sigopt rsa_padding_mode:pss"; by leaf inter leaf; cat leaf.pem inter.pem > sha1pss-chain.pem
