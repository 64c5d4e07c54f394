package com.acme.orders;

import com.acme.recorder.Recorder;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.Environment;

/** A service that logs everything that services log, and ends. */
@SpringBootApplication
public class Application {

    public static void main(String[] arguments) throws Exception {
        SpringApplication application = new SpringApplication(Application.class);
        // Where it was started, and by whom, is nobody's business.
        application.setLogStartupInfo(false);
        application.addListeners(new Recorder());
        try (ConfigurableApplicationContext context = application.run(arguments)) {
            Environment environment = context.getEnvironment();
            if (environment.getProperty("scenes.web", Boolean.class, false)) {
                Web.use(environment.getProperty("local.server.port", Integer.class));
            }
            new Scenes(environment).play();
        }
    }
}
