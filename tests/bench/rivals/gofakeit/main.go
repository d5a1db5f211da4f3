// The quickstart's record with gofakeit: main RECORDS writes them as JSON lines.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

type person struct {
	UUID      string `json:"uuid"`
	EventDate string `json:"event_date"`
	Status    string `json:"status"`
	Name      string `json:"name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Phone     int    `json:"phone"`
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	fake := gofakeit.New(42)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	states := []string{"Active", "Inactive", "Canceled"}
	for i := 0; i < n; i++ {
		record := person{
			UUID:      fake.UUID(),
			EventDate: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
			Status:    fake.RandomString(states),
			Name:      fake.FirstName(),
			LastName:  fake.LastName(),
			Email:     fake.Email(),
			Phone:     fake.IntRange(900000000, 999999999),
		}
		if err := encoder.Encode(record); err != nil {
			panic(err)
		}
	}
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
