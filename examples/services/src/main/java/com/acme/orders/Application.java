package com.acme.orders;

import com.acme.recorder.Recorder;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** A service that logs everything that services log, once, and ends. */
@SpringBootApplication
public class Application {

    public static void main(String[] arguments) throws Exception {
        SpringApplication application = new SpringApplication(Application.class);
        application.addListeners(new Recorder());
        try (ConfigurableApplicationContext context = application.run(arguments)) {
            new Scenes(context.getEnvironment()).play();
        }
    }
}
