package alertmanager_test

import (
	"fmt"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/alertmanager"
)

func ExampleNew() {
	sink, err := alertmanager.New(alertmanager.Config{URLs: []string{"http://alertmanager-0:9093", "http://alertmanager-1:9093"}},
		alert.WithLabels(map[string]string{"team": "vision"}), alert.WithExit(alert.Resolve))
	fmt.Println(sink != nil, err)
	_, err = alertmanager.New(alertmanager.Config{URLs: []string{"http://a"}, Repeat: -1})
	fmt.Println(err)
	// Output:
	// true <nil>
	// alertmanager: Repeat of -1ns: want a duration above 0, or 0 for 1m0s
}
