// lumber speaks Lumberjack 2 with the library that Beats are made with: `send` to a server of ours, `receive` from a
// client of ours.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	client "github.com/elastic/go-lumber/client/v2"
	"github.com/elastic/go-lumber/server"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "send" {
		send(os.Args[2], number(os.Args[3]), number(os.Args[4]))
	} else if len(os.Args) == 2 && os.Args[1] == "receive" {
		receive()
	} else {
		log.Fatal("lumber send ADDRESS EVENTS COMPRESSION | lumber receive")
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// send sends windows of up to 100 events, and prints how many were acknowledged.
func send(address string, events int, compression int) {
	connection, err := client.SyncDial(address, client.CompressionLevel(compression), client.Timeout(20*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	acknowledged := 0
	for acknowledged < events {
		var window []interface{}
		for at := acknowledged; at < events && len(window) < 100; at++ {
			window = append(window, map[string]interface{}{
				"@timestamp": "2025-01-01T00:00:00.000Z",
				"message":    fmt.Sprintf("event %d", at),
				"log":        map[string]interface{}{"offset": at, "file": map[string]interface{}{"path": "/logs/ä.log"}},
			})
		}
		count, err := connection.Send(window)
		if err != nil {
			log.Fatal(err)
		}
		acknowledged += count
	}
	fmt.Println(acknowledged)
}

// receive prints the address that it listens on, and then each event as JSON; it acknowledges what it has printed.
func receive() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	lumberjack, err := server.NewWithListener(listener, server.V2(true))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	for batch := range lumberjack.ReceiveChan() {
		for _, event := range batch.Events {
			line, err := json.Marshal(event)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(line))
		}
		batch.ACK()
	}
}
