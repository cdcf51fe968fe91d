// Probe is a server that says who it is and whom it sees, and a client that says how it went.
//
//	probe serve tcp/0.0.0.0:8080 udp/:5353 ...
//	probe ask SECONDS TIMES              for each line "ID NETWORK HOST PORT" of stdin: TIMES lines
//	                                     "ID ok NAME SEEN" or "ID" and the error's name
//	probe wait                           until it is told to end
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: probe serve NETWORK/ADDRESS... | ask SECONDS TIMES | wait")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "wait":
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
		<-told
	case "serve":
		failed := make(chan error)
		for _, where := range os.Args[2:] {
			network, address, _ := strings.Cut(where, "/")
			go func() { failed <- serve(network, address) }()
		}
		fmt.Fprintln(os.Stderr, <-failed)
		os.Exit(1)
	case "ask":
		wait, err := time.ParseDuration(os.Args[2] + "s")
		times, err2 := strconv.Atoi(os.Args[3])
		if err := errors.Join(err, err2); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		survey(wait, times)
	}
}

// The connections of a line are opened at once, and a few lines at a time.
func survey(wait time.Duration, times int) {
	var all sync.WaitGroup
	turns := make(chan bool, 64)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		for range times {
			turns <- true
			all.Go(func() {
				fmt.Println(words[0], ask(words[1], net.JoinHostPort(words[2], words[3]), wait))
				<-turns
			})
		}
	}
	all.Wait()
}

func answer(client net.Addr) string {
	name, _ := os.Hostname()
	host, _, _ := net.SplitHostPort(client.String())
	return name + " " + host + "\n"
}

func serve(network, address string) error {
	if network == "udp" {
		socket, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		buffer := make([]byte, 2048)
		for {
			_, client, err := socket.ReadFrom(buffer)
			if err != nil {
				return err
			}
			socket.WriteTo([]byte(answer(client)), client)
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			fmt.Fprint(connection, answer(connection.RemoteAddr()))
			bufio.NewReader(connection).ReadByte()
		}()
	}
}

func ask(network, address string, wait time.Duration) string {
	connection, err := net.DialTimeout(network, address, wait)
	if err != nil {
		return outcome(err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(wait))
	if network == "udp" {
		if _, err := connection.Write([]byte("?")); err != nil {
			return outcome(err)
		}
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return outcome(err)
	}
	return "ok " + strings.TrimSpace(line)
}

func outcome(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "prohibited"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "failed " + err.Error()
}
