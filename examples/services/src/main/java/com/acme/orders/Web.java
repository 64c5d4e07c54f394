package com.acme.orders;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** A controller that fails, and a client that makes it fail: what Tomcat and Spring log of it. */
@RestController
@ConditionalOnProperty("scenes.web")
class Web {

    @RequestMapping("/throw/{number}")
    String fail(@PathVariable("number") int number) throws Throwable {
        throw Throwables.get(number, new Random(number));
    }

    @RequestMapping("/number/{number}")
    String number(@PathVariable("number") int number) {
        return "number " + number;
    }

    static void use(int port) throws IOException {
        for (int number = 0; number < Throwables.count(); number++) {
            get(port, "/throw/" + number);
        }
        get(port, "/number/1");
        get(port, "/number/none");
        get(port, "/nowhere");
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream().write("\u0016\u0003\u0001 no HTTP\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1));
            socket.getInputStream().read();
        }
    }

    private static void get(int port, String path) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL("http://127.0.0.1:" + port + path).openConnection();
        connection.getResponseCode();
        connection.disconnect();
    }
}
