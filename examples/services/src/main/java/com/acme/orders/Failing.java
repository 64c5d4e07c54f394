package com.acme.orders;

import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Beans that keep the service from starting. */
@Configuration
class Failing {

    /** What nobody provides. */
    interface Missing {}

    /** Spring Boot explains this one in its report. */
    @Bean
    @ConditionalOnProperty(name = "scenes.fail", havingValue = "missing")
    Object needy(Missing missing) {
        return missing;
    }

    /** This one it only logs, with all its causes. */
    @Bean
    @ConditionalOnProperty(name = "scenes.fail", havingValue = "throwing")
    Object throwing() {
        throw new IllegalStateException("cannot connect to\nthe database", Throwables.get(10, new java.util.Random(1)));
    }
}
