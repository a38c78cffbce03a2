// kube-apiserver, built from its own sources: what the tests of the operator talk to. `python -m tests.operator.cluster build` builds it.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
