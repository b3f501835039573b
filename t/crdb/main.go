// Crdb reads statements, one JSON object a line ({"name":..., "sql":...}), and
// tells which of them CockroachDB's own grammar does not take.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser"
)

type statement struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	failed := false

	for lines.Scan() {
		var s statement

		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			fmt.Printf("not ok input: %v\n", err)
			os.Exit(2)
		}

		parsed, err := parser.Parse(s.SQL)
		switch {
		case err != nil:
			fmt.Printf("not ok %s: %v\n", s.Name, err)
			failed = true
		case len(parsed) == 0:
			fmt.Printf("not ok %s: no statement\n", s.Name)
			failed = true
		default:
			fmt.Printf("ok %s %d\n", s.Name, len(parsed))
		}
	}

	if failed || lines.Err() != nil {
		os.Exit(1)
	}
}
